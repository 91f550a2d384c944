package desk

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
)

// checkHost refuses API URLs inside the network of the helpdesk, unless Local allows them:
// whoever adds a channel makes this program send requests there.
func (d *Desk) checkHost(ctx context.Context, apiURL string) error {
	if d.Local {
		return nil
	}
	refusal := &NotConnected{Fields: []string{"api_url"}, Sentence: "This address is inside the helpdesk's own network. Copy the API URL from the Chat API cabinet."}
	u, err := url.Parse(apiURL)
	if err != nil {
		return refusal
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if address, err := netip.ParseAddr(host); err == nil {
		if inside(address) {
			return refusal
		}
		return nil
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return refusal
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil // the connection says that there is no such host
	}
	for _, address := range addresses {
		if inside(address) {
			return refusal
		}
	}
	return nil
}

// inside reports whether an address is not one of the public network.
func inside(address netip.Addr) bool {
	address = address.Unmap()
	return !address.IsGlobalUnicast() || address.IsPrivate() || shared.Contains(address)
}

// shared are the addresses behind the translation of a provider.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// locks lets one connection of a channel run at a time.
type locks struct {
	mu  sync.Mutex
	all map[chatapi.ChannelID]*sync.Mutex
}

// lock waits until nobody else has the channel, and returns how to give it free.
func (l *locks) lock(channel chatapi.ChannelID) (unlock func()) {
	l.mu.Lock()
	if l.all == nil {
		l.all = map[chatapi.ChannelID]*sync.Mutex{}
	}
	one := l.all[channel]
	if one == nil {
		one = &sync.Mutex{}
		l.all[channel] = one
	}
	l.mu.Unlock()
	one.Lock()
	return one.Unlock
}
