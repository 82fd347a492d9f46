package winsvc

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/windows"
)

// Security is the owner and the access list of a file or directory, as SDDL. kept is false where the file system keeps no access lists, so that there is nothing to grant: FAT, and
// Wine, which has mode bits instead and says otherwise. Errors: fs.ErrNotExist, fs.ErrPermission.
func Security(path string) (sddl string, kept bool, err error) {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return "", false, fmt.Errorf("cannot read who may change %q: %w", path, err)
	}
	return sd.String(), keepsLists(path), nil
}

// keepsLists asks the volume of path.
func keepsLists(path string) bool {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil || onWine() {
		return false
	}
	root := make([]uint16, len(path)+windows.MAX_PATH) // where it is mounted, which is no longer than what is below
	var flags uint32
	if err := windows.GetVolumePathName(p, &root[0], uint32(len(root))); err != nil {
		return false
	}
	err = windows.GetVolumeInformation(&root[0], nil, 0, nil, nil, &flags, nil, 0)
	return err == nil && flags&windows.FILE_PERSISTENT_ACLS != 0
}

// onWine reports whether this is Wine, by the function that only its ntdll has.
func onWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// Grant lets sid modify dir and everything in it: one entry, which what is in dir inherits, unless it has been told not to.
func Grant(dir, sid string) error { return changeList(dir, sid, windows.GRANT_ACCESS) }

// Revoke takes away every entry that dir itself has for sid.
func Revoke(dir, sid string) error { return changeList(dir, sid, windows.REVOKE_ACCESS) }

func changeList(dir, sid string, how windows.ACCESS_MODE) error {
	fail := func(err error) error { return fmt.Errorf("cannot change who may change %q: %w", dir, err) }
	who, err := windows.StringToSid(sid)
	if err != nil {
		return fail(err)
	}
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fail(err)
	}
	old, _, err := sd.DACL()
	if errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) || err == nil && old == nil {
		return nil // no list is no limit; a list with one entry would be one for everybody else
	}
	if err != nil {
		return fail(err)
	}
	list, err := windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
		AccessPermissions: Modify, AccessMode: how, Inheritance: windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT,
		Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeType: windows.TRUSTEE_IS_UNKNOWN, TrusteeValue: windows.TrusteeValueFromSID(who)},
	}}, old)
	runtime.KeepAlive(who)
	if err != nil {
		return fail(err)
	}
	if err := windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, list, nil); err != nil {
		return fail(err)
	}
	return nil
}
