"""The filesystem of a folder: whether other machines may use it, too."""

from __future__ import annotations

import re
from pathlib import Path

_SHARED = {"9p", "afs", "beegfs", "ceph", "cifs", "fuse", "gfs2", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2"}
_SHARED |= {"smb2", "smb3", "smbfs", "vboxsf", "virtiofs"}
_LOCAL_FUSE = {"fuse.fuse-overlayfs", "fuse.lxcfs", "fuse.ntfs-3g"}


def shared_filesystem(path: Path, mountinfo_text: str) -> str | None:
    """The type of a path's filesystem, if other machines may use it at the same time.

    :param path: absolute, symbolic links resolved.
    :param mountinfo_text: the content of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)).
    """
    kind = None
    longest = -1
    for line in mountinfo_text.splitlines():
        fields, _, source = line.partition(" - ")
        if len(fields.split()) < 5 or not source:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split()[4])
        # Of several mounts at one path the last covers the others.
        if Path(path).is_relative_to(point) and len(point) >= longest:
            longest, kind = len(point), source.split()[0]
    if kind is None or kind in _LOCAL_FUSE:
        return None
    return kind if kind.partition(".")[0] in _SHARED else None
