package stdnet

import "testing"

func TestEditsKeepTheLines(t *testing.T) {
	const text = "one\ntwo\nthree\nfour\n"
	for _, tc := range []struct {
		name  string
		edits []edit
		want  string
	}{
		{"none", nil, text},
		{"a word", []edit{{4, 7, "2"}}, "one\n2\nthree\nfour\n"},
		{"several lines", []edit{{4, 13, ""}}, "one\n\n\nfour\n"},
		{"several lines by a word", []edit{{0, 13, "x"}}, "x\n\n\nfour\n"},
		{"one inside another", []edit{{8, 13, "3"}, {4, 13, ""}}, "one\n\n\nfour\n"},
		{"out of order", []edit{{14, 18, "4"}, {0, 3, "1"}}, "1\ntwo\nthree\n4\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(apply([]byte(text), tc.edits)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
