package chatapitest_test

import "runtime"

func goexit() { runtime.Goexit() }
