package fetch

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Forbidden is the error for an address from which no file may be fetched.
type Forbidden struct{ Why string }

func (e *Forbidden) Error() string { return e.Why }

// special returns the networks that are not part of the public internet although
// no method of netip.Addr says so (IANA special-purpose registries, 2026). It reads
// them on first use, since most programs fetch no file.
func special() []netip.Prefix {
	readSpecial.Do(func() {
		for _, text := range specialTexts {
			specialPrefixes = append(specialPrefixes, netip.MustParsePrefix(text))
		}
	})
	return specialPrefixes
}

var (
	readSpecial     sync.Once
	specialPrefixes []netip.Prefix
)

var specialTexts = [...]string{
	"0.0.0.0/8",        // this network
	"100.64.0.0/10",    // carrier-grade NAT, and a cloud's metadata
	"168.63.129.16/32", // a cloud's metadata, in public space
	"192.0.0.0/24",     // protocol assignments, and a cloud's metadata
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // old relays
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"240.0.0.0/4",      // reserved, broadcast
	"2001::/23",        // protocol assignments, Teredo
	"2001:db8::/32",    // documentation
	"2002::/16",        // 6to4: any IPv4 address inside
	"3fff::/20",        // documentation
}

var (
	globalIPv6 = netip.MustParsePrefix("2000::/3")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
)

// public reports whether an address belongs to the public internet.
func public(addr netip.Addr) bool {
	if addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	if nat64.Contains(addr) { // the form in which a host without IPv4 reaches an IPv4 address
		b := addr.As16()
		return public(netip.AddrFrom4([4]byte(b[12:])))
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() && !globalIPv6.Contains(addr) {
		return false
	}
	for _, network := range special() {
		if network.Contains(addr) {
			return false
		}
	}
	return true
}

// guard returns a function that checks each connection after names were
// resolved and before it is opened. Neither a redirect nor a name whose address
// changes gets around it.
func guard(allow func(netip.Addr) bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !allow(to.Addr()) {
			return &Forbidden{fmt.Sprintf("%s is not an address of the public internet", address)}
		}
		return nil
	}
}

// dialer returns a dialer that opens connections to allowed addresses only.
func dialer(resolver *net.Resolver, allow func(netip.Addr) bool) *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Resolver: resolver, ControlContext: guard(allow)}
}
