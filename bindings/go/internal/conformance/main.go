// Conformance is the Go runner of tests/conformance/README.md: it reads one call a line, makes it, and prints the
// result as one line of JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

func main() {
	client, err := tangotoken.New(configured(os.Args[1:]))
	if err != nil {
		print(failure(err))
		return
	}
	defer client.Close()
	print(object{"client": true})
	runner := runner{client: client}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		print(runner.do(strings.Split(lines.Text(), "\t")))
	}
}

// configured does what the arguments say: load_env, or NAME=VALUE for an option that is set in code.
func configured(arguments []string) (config tangotoken.Config) {
	for _, argument := range arguments {
		switch name, value, _ := strings.Cut(argument, "="); name {
		case "load_env":
			config.LoadEnv = true
		case "audience":
			config.Audience = value
		case "user_agent":
			config.UserAgent = value
		case "allowed_origins":
			config.AllowedOrigins = []string{value}
		case "allow_plain_http":
			config.AllowPlainHTTP = value == "true"
		default:
			panic("not an option that a runner knows: " + argument)
		}
	}
	return config
}

type object map[string]any

func print(result object) {
	line, err := json.Marshal(result)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// runner keeps the results that later lines refer to.
type runner struct {
	client        *tangotoken.Client
	token         *tangotoken.Token
	authorization *tangotoken.Authorization
}

func (r *runner) do(fields []string) object {
	ctx := context.Background()
	argument := func(n int) string {
		if n < len(fields) {
			return fields[n]
		}
		return ""
	}
	switch fields[0] {
	// One method of Go serves both: it waits, and blocks no OS thread.
	case "acquire", "acquire_async":
		return r.acquired(r.client.Token(ctx))
	case "authorize":
		return r.authorized(r.client.Authorize(ctx, argument(1), argument(2)))
	case "authorize_again":
		return r.authorized(r.client.AuthorizeAgain(ctx, r.authorization))
	case "observe":
		return r.observed(argument(1), argument(2), argument(3), argument(4))
	case "invalidate":
		return done(r.client.Invalidate(r.token))
	case "set_credentials":
		return done(r.client.SetCredentials(tangotoken.Credentials{
			ClientID: argument(1), ClientSecret: argument(2), Username: argument(3), Password: argument(4)}))
	}
	return object{"unknown": fields[0]}
}

func (r *runner) acquired(token *tangotoken.Token, err error) object {
	if err != nil {
		return failure(err)
	}
	r.token = token
	return object{"token": object{"value": token.Value(), "type": token.Type(), "scope": token.Scope(),
		"expires_in_seconds": int64(token.ExpiresIn() / time.Second)}}
}

func (r *runner) authorized(authorization *tangotoken.Authorization, err error) object {
	if err != nil {
		return failure(err)
	}
	r.authorization = authorization
	return object{"authorization": object{"value": authorization.Value(), "dpop": orNull(authorization.DPoP())}}
}

func (r *runner) observed(status, nonce, challenges, date string) object {
	number, err := strconv.Atoi(status)
	if err != nil {
		return object{"unknown": status}
	}
	header := http.Header{}
	for name, value := range map[string]string{"DPoP-Nonce": nonce, "WWW-Authenticate": challenges, "Date": date} {
		if value != "" {
			header.Set(name, value)
		}
	}
	verdict, err := r.client.Observe(r.authorization, number, header)
	switch {
	case err != nil:
		return failure(err)
	case verdict == tangotoken.VerdictRetry:
		return object{"verdict": "retry"}
	}
	return object{"verdict": "done"}
}

func done(err error) object {
	if err != nil {
		return failure(err)
	}
	return object{"done": true}
}

func failure(err error) object {
	var failed *tangotoken.Error
	if !errors.As(err, &failed) {
		return object{"failed": err.Error()} // an error of the binding, which no case expects
	}
	fields := object{
		"status":                  nameInC(failed.Status),
		"message":                 failed.Message,
		"http_status":             nil,
		"oauth_error":             orNull(failed.OAuthError),
		"oauth_error_description": orNull(failed.OAuthErrorDescription),
		"i18n_key":                orNull(failed.I18nKey),
		"server_message":          orNull(failed.ServerMessage),
		"request_id":              orNull(failed.RequestID),
		"retry_after_seconds":     nil,
	}
	if failed.HTTPStatus != 0 {
		fields["http_status"] = failed.HTTPStatus
	}
	if failed.RetryAfter >= 0 {
		fields["retry_after_seconds"] = int64(failed.RetryAfter / time.Second)
	}
	return object{"error": fields}
}

// nameInC returns the name of a status in the cases.
func nameInC(status tangotoken.Status) string {
	library, err := native.Load()
	if err != nil {
		panic(err)
	}
	return native.Copied(library.StatusName(int32(status)))
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
