package doctor

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// DiskOf looks at the volume that path is on (GetVolumeInformation, GetDriveType, GetDiskFreeSpaceEx).
func DiskOf(path string) Disk {
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(path) + `\`)
	if err != nil {
		return Disk{}
	}
	var (
		d     Disk
		flags uint32
		name  [windows.MAX_PATH + 1]uint16
	)
	if windows.GetVolumeInformation(root, nil, 0, nil, nil, &flags, &name[0], uint32(len(name))) != nil {
		return Disk{}
	}
	if windows.GetDiskFreeSpaceEx(root, &d.Free, nil, nil) != nil {
		return Disk{}
	}
	kind := windows.GetDriveType(root)
	d.Known, d.Type, d.ReadOnly = true, windows.UTF16ToString(name[:]), flags&windows.FILE_READ_ONLY_VOLUME != 0
	d.Network, d.Memory = kind == windows.DRIVE_REMOTE, kind == windows.DRIVE_RAMDISK
	return d
}
