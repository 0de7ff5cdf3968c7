package listener_test

// logLines is an io.Writer that passes on each line that log writes.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}
