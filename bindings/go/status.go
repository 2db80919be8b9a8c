package tangotoken

import "fmt"

// Status is the kind of an [Error]. Like [syscall.Errno] it is an error itself, so that callers can write
//
//	errors.Is(err, tangotoken.ErrQuotaRefused)
type Status int32

// Error returns the meaning of the status.
func (s Status) Error() string {
	if known, ok := statuses[s]; ok {
		return "tangotoken: " + known.meaning
	}
	return fmt.Sprintf("tangotoken: status %d, which this version of the package does not know", int32(s))
}

// String returns the name of the status, such as QuotaRefused.
func (s Status) String() string {
	if known, ok := statuses[s]; ok {
		return known.name
	}
	return fmt.Sprintf("Status(%d)", int32(s))
}
