package tangotest

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// issuer is what a fake client knows in the place of servers: which token is held, which was rejected, and which error
// is due. Its caller has the lock.
type issuer struct {
	settings *Client

	token    *tangotoken.Token
	issued   int
	proofs   int
	nonce    string
	rejected map[string]bool // by the value of a token
	replaces map[string]bool // tokens that were issued because another one was rejected

	err        error
	errorsLeft int // negative: all

	authorizations map[*tangotoken.Authorization]sent
}

// sent is a request that has headers. Each reason to send it again counts once.
type sent struct {
	method, url, token, nonce        string
	retriedForNonce, retriedForToken bool
}

func (i *issuer) acquire() (*tangotoken.Token, error) {
	if i.fails() {
		if i.errorsLeft > 0 {
			i.errorsLeft--
		}
		return nil, i.err
	}
	isRejected := i.token != nil && i.rejected[i.token.Value()]
	if i.token != nil && i.token.ExpiresIn() > 0 && !(isRejected && i.canReplace(i.token.Value())) {
		return i.token, nil
	}
	i.issued++
	lifetime, tokenType := i.settings.Lifetime, "Bearer"
	if lifetime == 0 {
		lifetime = 24 * time.Hour
	}
	if i.settings.DPoP {
		tokenType = "DPoP"
	}
	value := fmt.Sprintf("fake-token-%d", i.issued)
	i.token = tangotoken.NewToken(value, tokenType, "raas.all", time.Now().Add(lifetime))
	if isRejected {
		i.replaces = with(i.replaces, i.token.Value())
	}
	return i.token, nil
}

func (i *issuer) fails() bool {
	return i.err != nil && i.errorsLeft != 0
}

func (i *issuer) reject(value string) {
	i.rejected = with(i.rejected, value)
}

// canReplace returns false for a replacement that is rejected as well, and while the next call would fail.
func (i *issuer) canReplace(value string) bool {
	if i.token != nil && i.token.Value() != value {
		return true
	}
	return !i.replaces[value] && !i.fails()
}

// authorize makes the headers of a request, which may have been sent before.
func (i *issuer) authorize(request sent) (*tangotoken.Authorization, error) {
	if err := i.checkTarget(request.method, request.url); err != nil {
		return nil, err
	}
	token, err := i.acquire()
	if err != nil {
		return nil, err
	}
	proof := ""
	if token.Type() == "DPoP" {
		i.proofs++
		proof = fmt.Sprintf("fake-proof-%d", i.proofs)
	}
	authorization := tangotoken.NewAuthorization(token.Type()+" "+token.Value(), proof)
	request.token, request.nonce = token.Value(), i.nonce
	if i.authorizations == nil {
		i.authorizations = map[*tangotoken.Authorization]sent{}
	}
	i.authorizations[authorization] = request
	return authorization, nil
}

func (i *issuer) find(authorization *tangotoken.Authorization) (sent, error) {
	request, isKnown := i.authorizations[authorization]
	if !isKnown {
		return sent{}, invalidArgument("the authorization was not made by this client")
	}
	return request, nil
}

func (i *issuer) observe(
	authorization *tangotoken.Authorization, status int, header http.Header,
) (tangotoken.Verdict, error) {
	request, err := i.find(authorization)
	if err != nil {
		return 0, err
	}
	if nonce := header.Get("DPoP-Nonce"); nonce != "" {
		i.nonce = nonce
	}
	if status != http.StatusUnauthorized {
		return tangotoken.VerdictDone, nil
	}
	code := errorCode(header)
	switch code {
	case "use_dpop_nonce":
		if authorization.DPoP() != "" && !request.retriedForNonce && i.nonce != request.nonce {
			request.retriedForNonce = true
			i.authorizations[authorization] = request
			return tangotoken.VerdictRetry, nil
		}
	case "invalid_token":
		i.reject(request.token)
		if !request.retriedForToken && i.canReplace(request.token) {
			request.retriedForToken = true
			i.authorizations[authorization] = request
			return tangotoken.VerdictRetry, nil
		}
	}
	return 0, refusal(code)
}

func (i *issuer) checkTarget(method, target string) error {
	parsed, err := url.Parse(target)
	if err != nil || method == "" || parsed.Host == "" || origin(parsed) == "" {
		return invalidArgument(fmt.Sprintf("the method and an absolute URL are needed, not %q and %q", method, target))
	}
	if i.settings.APIURL == "" {
		return nil
	}
	for _, allowed := range append([]string{i.settings.APIURL}, i.settings.AllowedOrigins...) {
		if other, err := url.Parse(allowed); err == nil && origin(other) == origin(parsed) {
			return nil
		}
	}
	return invalidArgument(parsed.Host + " may not receive tokens: it is neither that of APIURL nor in AllowedOrigins")
}

// origin returns scheme, host and port; "" for a URL that is not HTTP's.
func origin(target *url.URL) string {
	port, isHTTP := map[string]string{"http": "80", "https": "443"}[target.Scheme]
	if !isHTTP {
		return ""
	}
	if target.Port() != "" {
		port = target.Port()
	}
	return target.Scheme + "://" + strings.ToLower(target.Hostname()) + ":" + port
}

var errorParameter = regexp.MustCompile(`(?i)\berror\s*=\s*"?(\w+)`)

// errorCode returns the code of the challenges of a 401 response; "" if there is none.
func errorCode(header http.Header) string {
	found := errorParameter.FindStringSubmatch(strings.Join(header.Values("WWW-Authenticate"), ", "))
	if found == nil {
		return ""
	}
	return strings.ToLower(found[1])
}

func refusal(code string) error {
	refused := &tangotoken.Error{
		Status:     tangotoken.ErrTokenRefused,
		Message:    "the API refuses the request (HTTP 401); the token is kept",
		HTTPStatus: http.StatusUnauthorized,
		OAuthError: code,
		RetryAfter: -1,
	}
	switch code {
	case "use_dpop_nonce", "invalid_dpop_proof":
		refused.Status, refused.Message = tangotoken.ErrProofRefused, "the API refuses the DPoP proof ("+code+")"
	case "invalid_token":
		refused.Message = "the API rejects the token, and there is no other to try"
	}
	return refused
}

func invalidArgument(message string) error {
	return &tangotoken.Error{Status: tangotoken.ErrInvalidArgument, Message: message, RetryAfter: -1}
}

// with returns the set with another member.
func with(set map[string]bool, member string) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	set[member] = true
	return set
}
