package integration_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
)

// browser is a Chromium without a window, driven over its DevTools protocol.
// It is for one goroutine.
type browser struct {
	t       *testing.T
	ws      *gorilla.Conn
	session string // of the page
	calls   int
	faults  []string // what the page complained of
}

// devtoolsMessage is a call, an answer or an event.
type devtoolsMessage struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// startBrowser starts a Chromium with a profile of its own and an empty page,
// until the test ends.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := program(t, "chromium", "chromium")
	line := start(t, "DevTools listening on ", path,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--remote-debugging-port=0", "--user-data-dir="+profile(t), "about:blank")
	_, address, _ := strings.Cut(line, "listening on ")
	ws, _, err := gorilla.DefaultDialer.Dial(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, ws: ws}
	t.Cleanup(func() { ws.Close() })

	var target struct {
		ID string `json:"targetId"`
	}
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		Session string `json:"sessionId"`
	}
	b.call("Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	b.session = attached.Session
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// call calls a method and decodes its result, unless into is nil. It notes the
// faults that the page reports meanwhile.
func (b *browser) call(method string, params map[string]any, into any) {
	b.t.Helper()
	if err := b.try(method, params, into); err != nil {
		b.t.Fatal(err)
	}
}

// try is call that returns the browser's error.
func (b *browser) try(method string, params map[string]any, into any) error {
	b.t.Helper()
	b.calls++
	if params == nil {
		params = map[string]any{}
	}
	b.ws.SetWriteDeadline(time.Now().Add(3 * time.Minute))
	b.ws.SetReadDeadline(time.Now().Add(3 * time.Minute))
	if err := b.ws.WriteJSON(devtoolsMessage{ID: b.calls, Session: b.session, Method: method, Params: params}); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		var m devtoolsMessage
		if err := b.ws.ReadJSON(&m); err != nil {
			b.t.Fatalf("%s: %v; the page's faults so far: %q", method, err, b.faults)
		}
		if m.ID != b.calls {
			b.note(m)
			continue
		}
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if into == nil {
			return nil
		}
		if err := json.Unmarshal(m.Result, into); err != nil {
			b.t.Fatalf("%s: %v in %s", method, err, m.Result)
		}
		return nil
	}
}

// navigate opens a page and returns when it is there: an expression that the
// browser gets before still belongs to the last page, and may end with it.
func (b *browser) navigate(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		var answer struct {
			Result struct {
				Value string `json:"value"`
			} `json:"result"`
		}
		expression := map[string]any{"expression": "document.readyState + location.href", "returnByValue": true}
		if b.try("Runtime.evaluate", expression, &answer) == nil && strings.HasPrefix(answer.Result.Value, "complete"+url) {
			return
		}
	}
	b.t.Fatalf("%s does not load; faults %q", url, b.faults)
}

// note keeps an event if it tells of something wrong.
func (b *browser) note(m devtoolsMessage) {
	params, _ := m.Params.(map[string]any)
	entry, _ := params["entry"].(map[string]any)
	wrong := m.Method == "Runtime.exceptionThrown" ||
		m.Method == "Runtime.consoleAPICalled" && (params["type"] == "error" || params["type"] == "warning" || params["type"] == "assert") ||
		m.Method == "Log.entryAdded" && (entry["level"] == "error" || entry["level"] == "warning")
	if wrong {
		text, _ := json.Marshal(params)
		b.faults = append(b.faults, m.Method+" "+string(text))
	}
}

// eval evaluates an expression in the page, waiting for it if it is a promise,
// and decodes its value unless into is nil.
func (b *browser) eval(expression string, into any) {
	b.t.Helper()
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	b.call("Runtime.evaluate",
		map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}, &answer)
	if e := answer.Exception; e != nil {
		b.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(answer.Result.Value, into); err != nil {
		b.t.Fatalf("%s: %v in %s", expression, err, answer.Result.Value)
	}
}

// await waits until a condition about the page's document holds, which it looks
// at whenever that changes.
func (b *browser) await(condition string) {
	b.t.Helper()
	var held bool
	b.eval(fmt.Sprintf(`new Promise((resolve) => {
		const end = (held) => { watcher.disconnect(); clearTimeout(timer); resolve(held); };
		const look = () => { if (%s) end(true); };
		const watcher = new MutationObserver(look);
		watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
		const timer = setTimeout(() => end(false), 120_000);
		look();
	})`, condition), &held)
	if !held {
		var text string
		b.eval("document.body.innerText", &text)
		b.t.Fatalf("never true: %s; faults %q; the page says:\n%s", condition, b.faults, text)
	}
}
