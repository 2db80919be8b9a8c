package tangotoken_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// Each option is visible in what a client does or in what it refuses.
func TestOptionsReachTheLibrary(t *testing.T) {
	server := start(t)
	for name, row := range map[string]struct {
		change func(*tangotoken.Config)
		wanted string // in the message of the error
	}{
		"environment":     {func(c *tangotoken.Config) { c.Environment = 9 }, "environment"},
		"token_url":       {func(c *tangotoken.Config) { c.TokenURL = "http://other.example/" }, "token_url"},
		"client_id":       {func(c *tangotoken.Config) { c.ClientID = "" }, "client_id"},
		"NUL":             {func(c *tangotoken.Config) { c.ClientID = "a\x00b" }, "client_id"},
		"audience":        {func(c *tangotoken.Config) { c.Audience = "not UTF-8: \xff" }, "audience"},
		"scope":           {func(c *tangotoken.Config) { c.Scope = "\xff" }, "scope"},
		"ca_file":         {func(c *tangotoken.Config) { c.CAFile = "/not/there" }, "/not/there"},
		"proxy":           {func(c *tangotoken.Config) { c.Proxy = "gopher://proxy" }, "proxy"},
		"user_agent":      {func(c *tangotoken.Config) { c.UserAgent = "a\nb" }, "user_agent"},
		"connect_timeout": {func(c *tangotoken.Config) { c.ConnectTimeout = time.Hour }, "connect_timeout"},
		"attempt_timeout": {func(c *tangotoken.Config) { c.AttemptTimeout = time.Hour }, "attempt_timeout"},
		"total_timeout":   {func(c *tangotoken.Config) { c.TotalTimeout = 1 << 62 }, "total_timeout"},
		"api_url":         {func(c *tangotoken.Config) { c.APIURL = "no URL" }, "api_url"},
		"allowed origin":  {func(c *tangotoken.Config) { c.AllowedOrigins = []string{"no URL"} }, "allowed_origins"},
		"dpop":            {func(c *tangotoken.Config) { c.DPoP = 9 }, "mode"},
		"dpop_key_file":   {func(c *tangotoken.Config) { c.DPoP, c.DPoPKeyFile = tangotoken.DPoPRequired, "/not/there" }, "/not/there"},
		"cache":           {func(c *tangotoken.Config) { c.Cache = "floppy" }, "cache"},
		"cache_ca_file":   {func(c *tangotoken.Config) { c.Cache, c.CacheCAFile = "rediss://localhost", "/not/there" }, "/not/there"},
		"valid options":   {func(c *tangotoken.Config) { c.AllowPlainHTTP, c.AllowFetchWithoutCache = true, true }, ""},
	} {
		config := configOf(server)
		row.change(&config)
		client, err := tangotoken.New(config)
		if err == nil {
			client.Close()
		}
		if (err == nil) != (row.wanted == "") || err != nil && !strings.Contains(err.Error(), row.wanted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	checkNothingLeft(t)
}

func TestOptionsAreUsed(t *testing.T) {
	server := start(t, "--latency-ms", "100", "--quota-window-seconds", "0")
	config := configOf(server)
	config.Audience, config.UserAgent, config.AttemptTimeout = "5min", "my-program/1", 1500*time.Microsecond
	config.TotalTimeout = time.Microsecond // which is more than none
	if _, err := newClient(t, config).Token(t.Context()); !errors.Is(err, tangotoken.ErrTimedOut) {
		t.Errorf("%v", err)
	}
	config.TotalTimeout, config.AttemptTimeout = 0, 0
	config.AllowedOrigins = []string{"https://a.example", "https://b.example"}
	client := newClient(t, config)
	if token := acquire(t, client); token.ExpiresIn() > 5*time.Minute {
		t.Errorf("%v", token)
	}
	if agent := server.Requests()[0].Headers["user-agent"]; agent != "my-program/1" {
		t.Errorf("%v", agent)
	}
	for _, url := range config.AllowedOrigins {
		if _, err := client.Authorize(t.Context(), "GET", url+"/path"); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestFieldsThatAreSetWinOverTheEnvironment(t *testing.T) {
	server := start(t)
	t.Setenv("TANGO_CLIENT_ID", "another")
	t.Setenv("TANGO_AUDIENCE", "24h")
	t.Setenv("TANGO_ALLOWED_ORIGINS", "https://variable.example")
	config := configOf(server)
	config.TokenURL, config.APIURL, config.CAFile = "", "", "" // those of the environment
	config.LoadEnv, config.Audience, config.AllowedOrigins = true, "5min", []string{"https://code.example"}
	client := newClient(t, config)
	if token := acquire(t, client); token.ExpiresIn() > 5*time.Minute {
		t.Errorf("%v", token)
	}
	if _, err := client.Authorize(t.Context(), "GET", "https://code.example/"); err != nil {
		t.Error(err)
	}
	if _, err := client.Authorize(t.Context(), "GET", "https://variable.example/"); !errors.Is(err, tangotoken.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestBadVariableIsNamed(t *testing.T) {
	start(t)
	t.Setenv("TANGO_DPOP", "perhaps")
	if _, err := tangotoken.FromEnv(); !errors.Is(err, tangotoken.ErrInvalidConfiguration) || !strings.Contains(err.Error(), "TANGO_DPOP") {
		t.Errorf("%v", err)
	}
}

func TestDirectoryIsSharedByTwoClients(t *testing.T) {
	server := start(t)
	config := configOf(server)
	config.Cache = "file:" + filepath.Join(t.TempDir(), "tokens")
	first := acquire(t, newClient(t, config))
	second := acquire(t, newClient(t, config))
	if first.Value() != second.Value() || server.Statistic("token_requests") != 1 {
		t.Error("two tokens were requested")
	}
}
