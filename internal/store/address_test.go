//go:build e2e

package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/redistest"
)

// Sockets, users with passwords, database numbers and TLS are all in the address.
func TestAddresses(t *testing.T) {
	redisOnly(t, "the embedded engine has neither TLS nor users")
	dir := t.TempDir()
	cert, key := selfSigned(t, dir)
	port := redistest.FreePort(t)
	socket := filepath.Join(dir, "redis.sock")
	r := redistest.Start(t, "--save", "", "--unixsocket", socket, "--tls-port", strconv.Itoa(port),
		"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	r.Do("ACL", "SETUSER", "publisher", "on", ">p@ss", "~landings:*", "&landings:*", "+@all")

	works := func(name, url, database string) {
		t.Helper()
		n := start(t, url)
		if _, err := n.put(t.Context(), name, "a", `{}`); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if state, err := n.Replace(t.Context(), name, load(1000, name), nil); err != nil || state.Count != 1000 {
			t.Errorf("%s: %v %v", url, state.Count, err)
		}
		n.Close()
		if got := r.Do("INFO", "keyspace"); !strings.Contains(got, "db"+database+":") {
			t.Errorf("%s: nothing in database %s: %s", url, database, got)
		}
	}
	works("socket", "unix://"+socket+"?db=2", "2")
	works("tls", "rediss://127.0.0.1:"+strconv.Itoa(port)+"/4?skip_verify=true", "4")
	works("needless", "redis://:needless@"+r.Addr()+"/3", "3")
	works("user", "redis://publisher:p%40ss@"+r.Addr()+"/5", "5")
	r.Do("ACL", "SETUSER", "narrow", "on", ">pass", "~landings:*", "&landings:*", "+@all", "-@connection", "+auth", "+hello", "+ping", "+select", "+wait", "-client")
	works("narrow", "redis://narrow:pass@"+r.Addr()+"/7", "7")
	locked := redistest.Start(t, "--save", "")
	locked.Do("CONFIG", "SET", "requirepass", "secret")
	n := start(t, "redis://:secret@"+locked.Addr()+"/6")
	if state, err := n.Replace(t.Context(), "password", load(1000, "x"), nil); err != nil || state.Count != 1000 {
		t.Errorf("a password alone: %v %v", state.Count, err)
	}

	full := redistest.Start(t, "--save", "")
	full.Do("CONFIG", "SET", "maxclients", "1", "requirepass", "secret")
	taken, err := net.Dial("tcp", full.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	for url, want := range map[string]string{
		"redis://:secret@" + full.Addr():                                         "no connection left (maxclients)",
		"rediss://127.0.0.1:" + strconv.Itoa(port):                               "certificate is not trusted",
		"redis://publisher:wrong@" + r.Addr():                                    "does not accept the user name or password",
		"redis://" + r.Addr() + "/99":                                            "no database of that number",
		"unix://" + filepath.Join(dir, "none.sock"):                              "nothing listens there",
		"redis://127.0.0.1:" + strconv.Itoa(redistest.FreePort(t)):               "nothing listens there",
		"redis://name.invalid:6379":                                              "cannot be resolved",
		"redis://" + r.Addr() + "/one":                                           "the address of Redis cannot be read",
		"redis://127.0.0.1:" + strconv.Itoa(silent(t)) + "/0?dial_timeout=200ms": "does not answer in time",
	} {
		_, err := startWithin(t, time.Second, url)
		for deadline := time.Now().Add(30 * time.Second); want == "cannot be resolved" && err != nil && strings.Contains(err.Error(), "in time") && time.Now().Before(deadline); {
			_, err = startWithin(t, time.Second, url) // a name server may be slow to say that there is no such name
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
}

// silent listens and never answers.
func silent(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func selfSigned(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
