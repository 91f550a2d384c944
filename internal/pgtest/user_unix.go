//go:build unix

package pgtest

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// unprivileged returns the user that the server runs as, since it refuses to run as root:
// postgres, or nobody. It returns 0 if the tests do not run as root.
func unprivileged() (uid, gid int) {
	if os.Geteuid() != 0 {
		return 0, 0
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ = strconv.Atoi(u.Uid)
			gid, _ = strconv.Atoi(u.Gid)
			return uid, gid
		}
	}
	return 65534, 65534
}

func own(path string) error {
	uid, gid := unprivileged()
	if uid == 0 {
		return nil
	}
	return os.Chown(path, uid, gid)
}

func attributes() *syscall.SysProcAttr {
	uid, gid := unprivileged()
	if uid == 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}
