package tangotoken_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/native"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
)

func response(status int, body string) sandbox.Response {
	kind := "text/plain"
	if strings.HasPrefix(body, "{") {
		kind = "application/json"
	}
	return sandbox.Response{Status: status, Headers: map[string]string{"Content-Type": kind, "X-Request-Id": "r-1"}, Body: body}
}

func TestErrorHasTheFieldsOfTheResponse(t *testing.T) {
	server := start(t)
	slow := response(429, "slow down")
	slow.Headers["Retry-After"] = "120"
	for name, row := range map[string]struct {
		response sandbox.Response
		wanted   tangotoken.Error // its Message is a part of the error's message
	}{
		"text": {response(401, "Unauthorized"), tangotoken.Error{Status: tangotoken.ErrCredentialsRefused,
			Message: "(HTTP 401): Unauthorized; check client_id", HTTPStatus: 401, ServerMessage: "Unauthorized",
			RequestID: "r-1"}},
		"OAuth": {response(400, `{"error": "invalid_grant", "error_description": "wrong password"}`),
			tangotoken.Error{Status: tangotoken.ErrCredentialsRefused, HTTPStatus: 400, OAuthError: "invalid_grant",
				OAuthErrorDescription: "wrong password", RequestID: "r-1"}},
		"Tango": {response(404, `{"requestId": "r-2", "httpCode": 404, "i18nKey": "path.not.found", "message": "no such path"}`),
			tangotoken.Error{Status: tangotoken.ErrRequestRefused, HTTPStatus: 404, I18nKey: "path.not.found",
				ServerMessage: "no such path", RequestID: "r-1"}},
		"quota": {response(400, "Client sandbox abc has exceeded the daily rate limit"),
			tangotoken.Error{Status: tangotoken.ErrQuotaRefused, HTTPStatus: 400, RequestID: "r-1", RetryAfter: time.Hour,
				ServerMessage: "Client sandbox abc has exceeded the daily rate limit"}},
		"rate": {slow, tangotoken.Error{Status: tangotoken.ErrRateLimited, HTTPStatus: 429, RequestID: "r-1",
			ServerMessage: "slow down", RetryAfter: 2 * time.Minute}},
		"no token": {sandbox.Response{Status: 200, Body: "{}"}, tangotoken.Error{Status: tangotoken.ErrMalformedResponse,
			HTTPStatus: 200}},
	} {
		t.Run(name, func(t *testing.T) {
			server.Script(row.response)
			_, err := newClient(t, configOf(server)).Token(t.Context())
			var got *tangotoken.Error
			if !errors.As(err, &got) || !errors.Is(err, row.wanted.Status) || errors.Is(err, tangotoken.ErrInternal) {
				t.Fatalf("%T: %v", err, err)
			}
			if !strings.Contains(got.Message, row.wanted.Message) {
				t.Errorf("message %q", got.Message)
			}
			if row.wanted.RetryAfter == 0 {
				row.wanted.RetryAfter = -time.Second // waiting does not help
			}
			if got.RetryAfter != row.wanted.RetryAfter {
				t.Errorf("retry after %v", got.RetryAfter)
			}
			compared, wanted := *got, row.wanted
			compared.Message, compared.RetryAfter, wanted.Message, wanted.RetryAfter = "", 0, "", 0
			if name == "OAuth" || name == "no token" { // whose server message is not specified
				wanted.ServerMessage = compared.ServerMessage
			}
			if compared != wanted {
				t.Errorf("got\n%+v, want\n%+v", &compared, &wanted)
			}
		})
	}
}

func TestOneErrorNamesEveryWrongSetting(t *testing.T) {
	_, err := tangotoken.New(tangotoken.Config{ConnectTimeout: -time.Second})
	if !errors.Is(err, tangotoken.ErrInvalidConfiguration) {
		t.Fatalf("%v", err)
	}
	for _, name := range []string{"client_id", "client_secret", "username", "password", "connect_timeout"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

func TestStatusNamesAreThoseOfTheLibraryInTheSpellingOfGo(t *testing.T) {
	library, err := native.Load()
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for number := range int32(100) {
		status, nameInC := tangotoken.Status(number), native.Copied(library.StatusName(number))
		wanted := strings.ReplaceAll(strings.TrimPrefix(nameInC, "TANGO_STATUS_"), "_", "")
		if nameInC == "" {
			wanted = fmt.Sprintf("Status(%d)", number)
			unknown := fmt.Sprintf("tangotoken: status %d, which this version of the package does not know", number)
			if message := status.Error(); message != unknown {
				t.Error(message)
			}
		} else {
			known++
		}
		if !strings.EqualFold(status.String(), wanted) {
			t.Errorf("%v, want %s", status.String(), wanted)
		}
	}
	if known < 23 {
		t.Errorf("%d statuses", known)
	}
	if name := tangotoken.ErrTLSFailed.String(); name != "TLSFailed" {
		t.Error(name)
	}
	if message := tangotoken.ErrQuotaRefused.Error(); !strings.Contains(message, "daily limit") {
		t.Error(message)
	}
}

func TestTimeLimitOfTheLibraryIsATimeoutAndADeadlineThatWasExceeded(t *testing.T) {
	server := start(t)
	server.Hold()
	config := configOf(server)
	config.TotalTimeout = 200 * time.Millisecond
	client := newClient(t, config)
	_, err := client.Token(t.Context())
	checkTimeout(t, err, tangotoken.ErrTimedOut)
	api := http.Client{Transport: &tangotoken.Transport{Client: client}}
	_, err = api.Get(config.APIURL)
	checkTimeout(t, err, tangotoken.ErrTimedOut)
	server.Release()
}

func TestContextThatEndsIsATimeoutOnlyIfItsDeadlineHasPassed(t *testing.T) {
	server := start(t)
	server.Hold()
	client := newClient(t, configOf(server))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := client.Token(ctx)
	checkTimeout(t, err, tangotoken.ErrCancelled)
	if !strings.Contains(err.Error(), "the context of the call ended before there was a token: context deadline") {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = client.Token(ctx)
	if isTimeout(err) || errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err = tangotoken.New(tangotoken.Config{}); isTimeout(err) {
		t.Error(err)
	}
	server.Release()
}

func checkTimeout(t *testing.T, err error, status tangotoken.Status) {
	t.Helper()
	if !isTimeout(err) || !os.IsTimeout(err) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, status) {
		t.Errorf("%T %v", err, err)
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestErrorIsFormattedWithAllFieldsThatAreSet(t *testing.T) {
	err := &tangotoken.Error{Status: tangotoken.ErrQuotaRefused, Message: "no more today", HTTPStatus: 400,
		RequestID: "r-1", RetryAfter: time.Hour}
	if formatted := fmt.Sprintf("%v|%s|%q", err, err, err); formatted !=
		`tangotoken: no more today|tangotoken: no more today|"tangotoken: no more today"` {
		t.Error(formatted)
	}
	for _, part := range []string{"QuotaRefused", "http status: 400", "request id: r-1", "retry after: 1h0m0s"} {
		if formatted := fmt.Sprintf("%+v", err); !strings.Contains(formatted, part) {
			t.Errorf("%s is not in %s", part, formatted)
		}
	}
	var line bytes.Buffer
	slog.New(slog.NewJSONHandler(&line, nil)).Error("no token", "error", err)
	var record struct{ Error map[string]any }
	if err := json.Unmarshal(line.Bytes(), &record); err != nil || record.Error["status"] != "QuotaRefused" ||
		record.Error["request_id"] != "r-1" || record.Error["oauth_error"] != nil {
		t.Errorf("%s", &line)
	}
}

func TestPrintedAndLoggedValuesContainNoSecret(t *testing.T) {
	server := start(t)
	config := configOf(server)
	config.DPoP = tangotoken.DPoPRequired
	key, err := tangotoken.GenerateKey(tangotoken.AlgorithmES256)
	if err != nil {
		t.Fatal(err)
	}
	config.DPoPKey = key
	config.Cache = "file:" + t.TempDir()
	client := newClient(t, config)
	token := acquire(t, client)
	authorization, err := client.Authorize(t.Context(), "GET", config.APIURL)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{config.ClientSecret, config.Password, token.Value(), authorization.DPoP(), strings.Split(pem, "\n")[1]}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for _, value := range []any{config, &config, client, token, authorization, key,
		tangotoken.Credentials{ClientSecret: config.ClientSecret, Password: config.Password}} {
		logger.Info("a value", "value", value)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			fmt.Fprintf(&log, verb+"\n", value)
		}
	}
	fmt.Fprintln(&log, config.String(), token.String(), authorization.String(), key.String())
	for _, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), fmt.Sprintf("%x", secret)} {
			if strings.Contains(log.String(), form) {
				t.Errorf("a secret is in %s", &log)
			}
		}
	}
	if !strings.Contains(log.String(), "DPoP token for raas.all, expires in") {
		t.Error("the token was not printed")
	}
}
