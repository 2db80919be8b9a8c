package tangotoken

import "fmt"

// Status is the cause of an [Error]. Like a [syscall.Errno] it is an error itself, so that callers can ask
//
//	errors.Is(err, tangotoken.ErrQuotaRefused)
type Status int32

// Error is what the status means, for all its errors.
func (s Status) Error() string {
	return "tangotoken: " + statuses[s].meaning
}

// String is the status's name in all languages, such as TANGO_STATUS_QUOTA_REFUSED.
func (s Status) String() string {
	if known, ok := statuses[s]; ok {
		return known.name
	}
	return fmt.Sprintf("TANGO_STATUS_%d", int32(s))
}
