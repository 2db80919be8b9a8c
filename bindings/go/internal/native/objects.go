package native

// Pointers to the library's objects. They are integers so that Go's garbage collector does not follow them.
type (
	Authorization uintptr
	Client        uintptr
	Config        uintptr
	DPoPKey       uintptr
	DPoPProof     uintptr
	Error         uintptr
	Request       uintptr
	Stats         uintptr
	Token         uintptr
)
