package listener_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// An unmodified net/http server and client on this library.
func Example() {
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s", r.URL.Query().Get("name"))
	})}
	go srv.Serve(ln)
	defer srv.Shutdown(context.Background())

	client := &http.Client{Transport: &http.Transport{DialContext: new(conn.Dialer).DialContext}}
	defer client.CloseIdleConnections()
	res, err := client.Get("http://" + ln.Addr().String() + "/?name=moor")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(res.Status, string(body))
	// Output: 200 OK hello, moor
}

// An idle keep-alive connection takes no goroutine and no buffer once the
// grace period is over.
func ExamplePark() {
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello, moor")
	})}
	if ln, err = listener.Park(srv, ln, listener.Grace(time.Second)); err != nil {
		fmt.Println(err)
		return
	}
	go srv.Serve(ln)
	defer srv.Close()
	res, err := http.Get("http://" + ln.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(res.Status, string(body))
	// Output: 200 OK hello, moor
}

func ExampleTCPListener_SetDeadline() {
	ln, err := listener.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	ln.SetDeadline(aMomentAgo())
	_, err = ln.Accept()
	fmt.Println(err.(net.Error).Timeout())
	// Output: true
}

func aMomentAgo() time.Time { return time.Now().Add(-time.Second) }
