// The reverse proxy of Go's standard library with a transport that keeps its connections: main LISTEN BACKEND [pooled].
// Without `pooled` it allocates a copy buffer for each response, as it does unless it is given a pool.
package main

import (
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

// buffers lends the copy buffers of response bodies, as a real deployment would.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte      { return b.pool.Get().([]byte) }
func (b *buffers) Put(bytes []byte) { b.pool.Put(bytes) } //nolint:staticcheck

func main() {
	target, err := url.Parse("http://" + os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	direct := proxy.Director
	proxy.Director = func(request *http.Request) {
		request.Header.Set("X-Forwarded-Proto", "http")
		request.Header.Set("X-Forwarded-Host", request.Host)
		direct(request)
	}
	if len(os.Args) > 3 && os.Args[3] == "pooled" {
		proxy.BufferPool = &buffers{sync.Pool{New: func() any { return make([]byte, 32*1024) }}}
	}
	proxy.Transport = &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		MaxIdleConns:        1024,
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     5 * time.Minute,
		DisableCompression:  true,
	}
	server := &http.Server{Addr: os.Args[1], Handler: proxy, IdleTimeout: 5 * time.Minute}
	log.Fatal(server.ListenAndServe())
}
