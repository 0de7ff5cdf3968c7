package wine

// TakePrefix takes a prefix in dir; release lets go of it.
func TakePrefix(dir string) (path string, release func() error, err error) {
	p, err := takePrefix(dir)
	if err != nil {
		return "", nil, err
	}
	return p.dir, p.release, nil
}

// MaxPrefixes is how many there are.
const MaxPrefixes = maxPrefixes

// Versioned returns where the prefixes of a version of Wine are.
var Versioned = versioned

// Prefix returns the directory of the session's prefix.
func (s *Session) Prefix() string { return s.prefix.dir }
