// Package tangotest helps to test programs that use package tangotoken.
//
// A [Client] is a fake for unit tests: it needs neither the native library nor a server nor a network. Give it to code
// that takes a [tangotoken.TokenSource] or a [tangotoken.Authorizer], such as a [tangotoken.Transport]:
//
//	fake := tangotest.NewClient()
//	api := http.Client{Transport: &tangotoken.Transport{Client: fake, Base: responses}}
//	fake.Fail(tangotoken.ErrQuotaRefused)
//
// [StartSandbox] starts the real sandbox for a test of the whole program, with a real client.
package tangotest
