package conn_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Some tests need a second process: the test binary, told by the environment
// what to be.
func TestMain(m *testing.M) {
	var err error
	switch dial, echo := os.Getenv("MOOR_TEST_DIAL_MANY"), os.Getenv("MOOR_TEST_ECHO"); {
	case dial != "":
		err = dialMany(strings.Fields(dial))
	case echo != "":
		err = serveEcho()
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
