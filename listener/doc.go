// Package listener has network listeners whose connections live on event
// loops. They are package net's in every respect but that: an unmodified
// net/http server serves from one.
//
//	ln, err := listener.Listen("tcp", ":8080")
//	if err != nil {
//		log.Fatal(err)
//	}
//	log.Fatal(http.Serve(ln, handler))
package listener
