package native

// The library's objects, as it hands them out. To Go they are numbers: no pointer that its garbage collector follows.
type (
	Authorization uintptr
	Client        uintptr
	Config        uintptr
	DPoPKey       uintptr
	DPoPProof     uintptr
	Error         uintptr
	Request       uintptr
	Token         uintptr
)
