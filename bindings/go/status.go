package tangotoken

import "fmt"

// Status is the kind of an [Error]. Like [syscall.Errno] it is an error itself, so that callers can write
//
//	errors.Is(err, tangotoken.ErrQuotaRefused)
type Status int32

// Error returns the meaning of the status.
func (s Status) Error() string {
	return "tangotoken: " + statuses[s].meaning
}

// String returns the name of the status in the C interface, such as TANGO_STATUS_QUOTA_REFUSED.
func (s Status) String() string {
	if known, ok := statuses[s]; ok {
		return known.name
	}
	return fmt.Sprintf("TANGO_STATUS_%d", int32(s))
}
