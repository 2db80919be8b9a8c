package main

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// routes needs nothing of tango-token but its errors: a unit test passes another http.Client.
func routes(api *http.Client, apiURL string) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	router.GET("/accounts", func(c *gin.Context) { forward(c, api, apiURL+"/accounts") })
	// A probe runs every few seconds in each replica: it neither asks for a token nor calls the API.
	router.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	return router
}

func forward(c *gin.Context, api *http.Client, url string) {
	// The context of the caller: when the caller goes away, this request ends, and a refresh that others wait for does
	// not.
	request, err := http.NewRequestWithContext(c.Request.Context(), http.MethodGet, url, nil)
	if err != nil {
		fail(c, err)
		return
	}
	response, err := api.Do(request)
	if err != nil {
		fail(c, err)
		return
	}
	defer response.Body.Close()
	if err := tangotoken.Refusal(response); err != nil {
		fail(c, err)
		return
	}
	c.DataFromReader(response.StatusCode, response.ContentLength, response.Header.Get("Content-Type"), response.Body, nil)
}

// fail tells the log what happened, and the caller only when to come again.
func fail(c *gin.Context, err error) {
	status := http.StatusBadGateway
	var failure *tangotoken.Error
	if errors.As(err, &failure) {
		status = http.StatusServiceUnavailable
		if failure.RetryAfter >= 0 {
			c.Header("Retry-After", strconv.Itoa(int(math.Ceil(failure.RetryAfter.Seconds()))))
		}
	}
	slog.ErrorContext(c, "no response of the API", "error", err)
	c.AbortWithStatusJSON(status, gin.H{"detail": "rewards are not available"})
}
