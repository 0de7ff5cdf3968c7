package suite

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"github.com/moor-net/moor/bench/measure"
)

// Results are what a run has found, as they are kept in a file.
type Results struct {
	// Machine describes where the figures come from.
	Machine string `json:"machine"`
	// Date is that of the first turn.
	Date string `json:"date"`
	// Noise is the share of one CPU that may go elsewhere in a quiet turn.
	Noise    float64    `json:"noise"`
	Outcomes []*Outcome `json:"outcomes"`
}

// An Outcome is what is known of one case.
type Outcome struct {
	Case Case `json:"case"`
	// Wanted are the servers that were to be measured.
	Wanted []string `json:"wanted"`
	// Rounds have the figures of each server's turns.
	Rounds []map[string]Figures `json:"rounds"`
	// Calls are system calls per request by server.
	Calls map[string]measure.Calls `json:"calls,omitempty"`
	// NoCalls says why there are none, if they were wanted.
	NoCalls string `json:"no_calls,omitempty"`
	// Missing says why a server has no figures.
	Missing map[string]string `json:"missing,omitempty"`
	// Done says that nothing is left to be measured.
	Done bool `json:"done"`
}

// ReadResults reads a file; one that is not there is empty.
func ReadResults(file string) (*Results, error) {
	results := new(Results)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return results, nil
	}
	if err != nil {
		return nil, err
	}
	return results, json.Unmarshal(text, results)
}

// Write replaces the file as a whole, so that one who interrupts the run keeps
// what was found before.
func (r *Results) Write(file string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(append(text, '\n'))
	if err = errors.Join(err, temporary.Chmod(0o644), temporary.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return os.Rename(temporary.Name(), file)
}

// Outcome returns that of the case of that name, or nil.
func (r *Results) Outcome(name string) *Outcome {
	for _, o := range r.Outcomes {
		if o.Case.Name == name {
			return o
		}
	}
	return nil
}

// begin returns the outcome to continue: the one that is there, if it is of the
// same case and servers, or a new one in its place.
func (r *Results) begin(c Case, wanted []string) *Outcome {
	fresh := &Outcome{Case: c, Wanted: wanted, Missing: map[string]string{}, Calls: map[string]measure.Calls{}}
	fresh.Case.run = nil
	for i, o := range r.Outcomes {
		if o.Case.Name != c.Name {
			continue
		}
		if !reflect.DeepEqual(o.Case, fresh.Case) || !reflect.DeepEqual(o.Wanted, wanted) {
			r.Outcomes[i] = fresh
		}
		if r.Outcomes[i].Missing == nil {
			r.Outcomes[i].Missing = map[string]string{}
		}
		if r.Outcomes[i].Calls == nil {
			r.Outcomes[i].Calls = map[string]measure.Calls{}
		}
		return r.Outcomes[i]
	}
	r.Outcomes = append(r.Outcomes, fresh)
	return fresh
}
