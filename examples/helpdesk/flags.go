package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi"
)

// settings are what the command line says.
type settings struct {
	listen   string // of the helpdesk
	phones   string // of the demo's phones
	dir      string // "" makes a new folder for the demo
	postgres string
	url      string // public address; "" is that of listen
	key      string // "" is the file "key" in dir
	admin    string
	model    chatapi.Model

	rotateKey, https, insecure, demo, local, ask bool
}

var models = []chatapi.Model{chatapi.ModelNBP, chatapi.ModelCBP2022, chatapi.ModelCBP2023, chatapi.ModelCBP2024, chatapi.ModelPMP2025, chatapi.ModelPMP2026}

// readFlags reads the command line. The error is a sentence.
func readFlags(args []string, out io.Writer) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("helpdesk", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&s.listen, "listen", "localhost:8400", "`address` of the helpdesk")
	flags.BoolVar(&s.demo, "demo", true, "with a made-up Chat API, its customers as phones, and sample data")
	flags.StringVar(&s.phones, "phones", "127.0.0.1:8401", "`address` of the demo's phones and of its Chat API")
	flags.StringVar(&s.dir, "dir", "", "`folder` of database, files and key; the demo makes a new one and removes it at the end")
	flags.StringVar(&s.postgres, "postgres", "", "`URL` of a PostgreSQL database in place of SQLite in the folder")
	flags.StringVar(&s.url, "url", "", "public `address` of the helpdesk, such as https://desk.example.com; Chat API delivers there")
	flags.StringVar(&s.key, "key", "", "`file` of the key that seals tokens; by default the file \"key\" in the folder")
	flags.BoolVar(&s.rotateKey, "rotate-key", false, "seal all tokens with a new key at this start")
	flags.StringVar(&s.admin, "admin", "", "print a link that signs this administrator in once; `e-mail`, which is added if it is new")
	flags.StringVar((*string)(&s.model), "model", "", "billing `model`, such as cbp-2022; by default the one in force on each day")
	flags.BoolVar(&s.https, "https", false, "browsers reach the helpdesk by https, through a proxy that ends it")
	flags.BoolVar(&s.insecure, "insecure", false, "listen beyond this machine without https")
	flags.BoolVar(&s.local, "local-api", false, "allow API URLs of this machine and of private networks, as the demo does; for tests")
	flags.BoolVar(&s.ask, "ask", true, "when a channel is connected, see that the public address answers")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is no option; run with -help for a list", flags.Arg(0))
	}
	return s, s.check()
}

func (s *settings) check() error {
	for _, given := range [][2]string{{"-listen", s.listen}, {"-phones", s.phones}} {
		if _, port, err := net.SplitHostPort(given[1]); err != nil || !isPort(port) {
			return fmt.Errorf("%s %s is no address with a port, such as localhost:8400", given[0], given[1])
		}
	}
	switch {
	case s.demo && s.admin != "":
		return errors.New("the demo prints a link for each of its agents: -admin goes with -demo=false")
	case !s.demo && s.dir == "":
		return errors.New("without the demo the helpdesk needs a folder for its data: give -dir")
	case s.demo && s.postgres != "" && s.dir == "":
		return errors.New("with -postgres the key and the files need a folder that stays: give -dir")
	case !s.demo && s.url == "":
		return errors.New("without the demo Chat API has to reach the helpdesk: give its public address, such as -url https://desk.example.com")
	case s.model != "" && !slices.Contains(models, s.model):
		return fmt.Errorf("-model %s: the models are %v", s.model, models)
	}
	if !isLocal(s.listen) && !s.https && !s.insecure {
		return fmt.Errorf("-listen %s lets other machines sign in without encryption: put a proxy with https before it and give -https, or give -insecure", s.listen)
	}
	if s.demo && !isLocal(s.phones) {
		return fmt.Errorf("-phones %s: whoever reaches the phones controls them, so they listen on this machine only", s.phones)
	}
	if s.url != "" {
		u, err := url.Parse(s.url)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
			return fmt.Errorf("-url %s is no address such as https://desk.example.com", s.url)
		}
		s.url = strings.TrimRight(s.url, "/")
	}
	return nil
}

// isPort reports whether a program can listen at a port, which may be a name such as http.
func isPort(port string) bool {
	_, err := net.LookupPort("tcp", port)
	return err == nil && port != ""
}

// isLocal reports whether only this machine reaches an address.
func isLocal(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (s *settings) keyFile() string {
	if s.key != "" {
		return s.key
	}
	return filepath.Join(s.dir, "key")
}
