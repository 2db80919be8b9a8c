package native

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// makePrivate makes a directory in the user's profile, whose access control list the directory inherits.
func makePrivate(directory string) error {
	return os.MkdirAll(directory, 0o700)
}

// openPrivate opens a file so that nobody can change, rename or delete it, nor rename a directory of its path, until it
// is closed. So its content can be checked even if its permissions let others write it.
func openPrivate(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	// If the file is a link, this opens the link, which checkPrivate refuses.
	const flags = windows.FILE_ATTRIBUTE_NORMAL | windows.FILE_FLAG_OPEN_REPARSE_POINT
	handle, err := windows.CreateFile(
		name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, flags, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	file := os.NewFile(uintptr(handle), path)
	if err := checkPrivate(path, handle); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func checkPrivate(path string, handle windows.Handle) error {
	var found windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(handle, &found); err != nil {
		return err
	}
	if found.FileAttributes&(windows.FILE_ATTRIBUTE_REPARSE_POINT|windows.FILE_ATTRIBUTE_DIRECTORY) != 0 {
		return fmt.Errorf("%s is a link or a directory", path)
	}
	return checkOwner(path, handle)
}

// checkOwner refuses the file of another user. The group of administrators owns what a program writes that runs with
// their rights.
func checkOwner(path string, handle windows.Handle) error {
	security, err := windows.GetSecurityInfo(handle, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("%s: its owner is not known: %w", path, err)
	}
	owner, _, err := security.Owner()
	if err != nil {
		return err
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	if !owner.Equals(user.User.Sid) && !owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return fmt.Errorf("%s belongs to %s, not to %s, as whom the program runs", path, owner, user.User.Sid)
	}
	return nil
}

func makeExecutable(*os.File) error {
	return nil
}
