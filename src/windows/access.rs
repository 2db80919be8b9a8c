//! Who owns a file or a directory, and who can change it.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::{Component, Path, Prefix};
use std::{ptr, slice};

use windows_sys::Win32::Foundation::{
    ERROR_SUCCESS, GENERIC_ALL, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1,
    SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACL, DACL_SECURITY_INFORMATION, GetAce, GetTokenInformation, OWNER_SECURITY_INFORMATION, PSID,
    SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, DELETE, FILE_APPEND_DATA, FILE_ATTRIBUTE_NORMAL,
    FILE_ATTRIBUTE_REPARSE_POINT, FILE_DELETE_CHILD, FILE_READ_DATA, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA, FILE_WRITE_EA, GetFileAttributesW,
    INVALID_FILE_ATTRIBUTES, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::SystemServices::{
    ACCESS_ALLOWED_ACE_TYPE, ACCESS_ALLOWED_CALLBACK_ACE_TYPE, ACCESS_DENIED_ACE_TYPE, ACCESS_DENIED_CALLBACK_ACE_TYPE,
    ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE, ACCESS_DENIED_OBJECT_ACE_TYPE,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// The system and the administrators of the machine can read and change everything.
const SYSTEM: &str = "S-1-5-18";
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// Placeholders for the owner of a file, whom `has_trusted_owner` checks.
const CREATOR_OWNER: &str = "S-1-3-0";
const OWNER_RIGHTS: &str = "S-1-3-4";

const EVERYONE: &str = "S-1-1-0";
/// Groups that every user of the machine is in: everyone, anonymous, interactive, authenticated, users, guests.
const ALL_USERS: [&str; 6] = [EVERYONE, "S-1-5-7", "S-1-5-4", "S-1-5-11", "S-1-5-32-545", "S-1-5-32-546"];

/// No SID has more characters: it has at most 15 numbers after its authority.
const LONGEST_SID: usize = 256;

const WRITE: u32 = FILE_WRITE_DATA
    | FILE_APPEND_DATA
    | FILE_WRITE_EA
    | FILE_WRITE_ATTRIBUTES
    | FILE_DELETE_CHILD
    | DELETE
    | WRITE_DAC
    | WRITE_OWNER
    | GENERIC_WRITE
    | GENERIC_ALL;
const READ: u32 = FILE_READ_DATA | GENERIC_READ | GENERIC_ALL;

/// The owner of a file and its access control list, with SIDs as strings.
#[derive(Debug)]
pub(crate) struct Access {
    user: String,
    owner: String,
    grants: Vec<Grant>,
}

#[derive(Debug)]
struct Grant {
    to: String,
    rights: u32,
}

impl Access {
    /// Reads the access of an open file or directory, whose handle has `READ_CONTROL`.
    pub fn of(file: &File) -> io::Result<Self> {
        let (mut owner, mut list, mut descriptor) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let parts = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
        // SAFETY: the handle is open, and each place may be written. What is returned points into the descriptor.
        unsafe {
            let status = GetSecurityInfo(
                file.as_raw_handle(),
                SE_FILE_OBJECT,
                parts,
                &raw mut owner,
                ptr::null_mut(),
                &raw mut list,
                ptr::null_mut(),
                &raw mut descriptor,
            );
            if status != ERROR_SUCCESS {
                return Err(io::Error::from_raw_os_error(status.cast_signed()));
            }
            let _descriptor = LocalMemory(descriptor);
            Ok(Self { user: current_user()?, owner: sid_string(owner)?, grants: grants(list)? })
        }
    }

    /// Returns whether the file belongs to the user of this process, to the system, or to the group of administrators,
    /// which owns what an administrator creates with all rights.
    pub fn has_trusted_owner(&self) -> bool {
        self.owner == self.user || [SYSTEM, ADMINISTRATORS].contains(&&*self.owner)
    }

    /// Returns whether a user or a group can write that is neither this user nor an administrator.
    pub fn others_can_write(&self) -> bool {
        let others = |to: &str| to != self.user && ![SYSTEM, ADMINISTRATORS, CREATOR_OWNER, OWNER_RIGHTS].contains(&to);
        self.grants.iter().any(|grant| grant.rights & WRITE != 0 && others(&grant.to))
    }

    pub fn all_users_can_write(&self) -> bool {
        self.all_users_can(WRITE)
    }

    pub fn all_users_can_read(&self) -> bool {
        self.all_users_can(READ)
    }

    fn all_users_can(&self, rights: u32) -> bool {
        self.grants.iter().any(|grant| grant.rights & rights != 0 && ALL_USERS.contains(&&*grant.to))
    }
}

/// Creates a directory that belongs to this user, and that only this user and administrators can use, whatever the
/// directory above it grants. The same is true for what is created in it.
pub(crate) fn create_private_directory(path: &Path) -> io::Result<()> {
    let descriptor = private_descriptor("OICI")?;
    let attributes = attributes(&descriptor);
    let path = long_path(path);
    // SAFETY: the path ends with a NUL, and the attributes are valid during the call.
    check(unsafe { CreateDirectoryW(path.as_ptr(), &raw const attributes) })
}

/// Creates and opens a file that only this user and administrators can use. It must not exist.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    let descriptor = private_descriptor("")?;
    let attributes = attributes(&descriptor);
    let path = long_path(path);
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    // SAFETY: the path ends with a NUL, and the attributes are valid during the call. The handle is valid and owned.
    unsafe {
        let handle = CreateFileW(
            path.as_ptr(),
            GENERIC_READ | GENERIC_WRITE,
            share,
            &raw const attributes,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            ptr::null_mut(),
        );
        if handle == INVALID_HANDLE_VALUE { Err(io::Error::last_os_error()) } else { Ok(File::from_raw_handle(handle)) }
    }
}

/// Returns a security descriptor that lets only this user, the system and administrators in. `inheritance` is a part of
/// each entry in SDDL: with `OICI`, all files and directories inside inherit the entry.
fn private_descriptor(inheritance: &str) -> io::Result<LocalMemory> {
    let user = current_user()?;
    let grant = |to: &str| format!("(A;{inheritance};FA;;;{to})");
    LocalMemory::descriptor(&format!("O:{user}D:P{}{}{}", grant(&user), grant(SYSTEM), grant(ADMINISTRATORS)))
}

fn attributes(descriptor: &LocalMemory) -> SECURITY_ATTRIBUTES {
    SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    }
}

/// Returns whether a name is that of a link or another reparse point.
pub(crate) fn is_reparse_point(path: &Path) -> bool {
    let path = long_path(path);
    // SAFETY: the path ends with a NUL.
    let attributes = unsafe { GetFileAttributesW(path.as_ptr()) };
    attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_REPARSE_POINT != 0
}

/// Returns the path for system calls, ending with a NUL. A long one gets the prefix without which they refuse it.
fn long_path(path: &Path) -> Vec<u16> {
    const LONGEST_PLAIN: usize = 240;
    let is_on_disk = matches!(path.components().next(),
        Some(Component::Prefix(prefix)) if matches!(prefix.kind(), Prefix::Disk(_)));
    let plain = path.as_os_str();
    let prefix = if plain.len() > LONGEST_PLAIN && is_on_disk { r"\\?\" } else { "" };
    prefix.encode_utf16().chain(plain.encode_wide()).chain([0]).collect()
}

/// Returns the user of this process.
fn current_user() -> io::Result<String> {
    // The user and a SID, which has at most 68 bytes.
    let mut user = [0_u64; 16];
    let mut length = 0;
    // SAFETY: the token is open until its handle is dropped, and the buffer is as long as its length says and aligned
    // for the structure. The SID lies in the buffer.
    unsafe {
        let mut token = ptr::null_mut();
        check(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token))?;
        let token = OwnedHandle::from_raw_handle(token);
        let size = u32::try_from(size_of_val(&user)).unwrap_or_default();
        let buffer = user.as_mut_ptr().cast::<c_void>();
        check(GetTokenInformation(token.as_raw_handle(), TokenUser, buffer, size, &raw mut length))?;
        sid_string((*buffer.cast::<TOKEN_USER>()).User.Sid)
    }
}

/// Returns what an access control list grants. No list grants everything to everyone.
///
/// # Safety
/// `list` is NULL or a valid list.
unsafe fn grants(list: *const ACL) -> io::Result<Vec<Grant>> {
    const DENIALS: [u32; 4] = [
        ACCESS_DENIED_ACE_TYPE,
        ACCESS_DENIED_OBJECT_ACE_TYPE,
        ACCESS_DENIED_CALLBACK_ACE_TYPE,
        ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE,
    ];
    const PLAIN: [u32; 2] = [ACCESS_ALLOWED_ACE_TYPE, ACCESS_ALLOWED_CALLBACK_ACE_TYPE];

    let everything = || Grant { to: EVERYONE.into(), rights: u32::MAX };
    if list.is_null() {
        return Ok(vec![everything()]);
    }
    let mut grants = Vec::new();
    // SAFETY: the list is valid, so `GetAce` returns valid entries. The two plain kinds begin as `ACCESS_ALLOWED_ACE`.
    unsafe {
        for index in 0..(*list).AceCount {
            let mut entry = ptr::null_mut();
            check(GetAce(list, index.into(), &raw mut entry))?;
            let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
            let kind = u32::from((*entry).Header.AceType);
            if PLAIN.contains(&kind) {
                let sid = (&raw mut (*entry).SidStart).cast();
                grants.push(Grant { to: sid_string(sid)?, rights: (*entry).Mask });
            } else if !DENIALS.contains(&kind) {
                // Files have no entries of other kinds. What such an entry grants is not known.
                grants.push(everything());
            }
        }
    }
    Ok(grants)
}

/// # Safety
/// `sid` is a valid SID.
unsafe fn sid_string(sid: PSID) -> io::Result<String> {
    let mut string = ptr::null_mut();
    // SAFETY: this function's own contract. The string ends with a NUL, and is freed after it was copied.
    unsafe {
        check(ConvertSidToStringSidW(sid, &raw mut string))?;
        let _string = LocalMemory(string.cast());
        let length = (0..LONGEST_SID).take_while(|&at| *string.add(at) != 0).count();
        Ok(String::from_utf16_lossy(slice::from_raw_parts(string, length)))
    }
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Memory that the system allocated, and that `LocalFree` frees.
struct LocalMemory(*mut c_void);

impl LocalMemory {
    /// Returns the security descriptor that a string describes, in the language SDDL.
    fn descriptor(description: &str) -> io::Result<Self> {
        let description: Vec<u16> = description.encode_utf16().chain([0]).collect();
        let mut descriptor = ptr::null_mut();
        // SAFETY: the string ends with a NUL, and the place may be written.
        check(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                description.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        })?;
        Ok(Self(descriptor))
    }
}

impl Drop for LocalMemory {
    fn drop(&mut self) {
        // SAFETY: the system allocated it for `LocalFree`, and nothing uses it any more.
        unsafe { LocalFree(self.0) };
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use windows_sys::Win32::Security::SetFileSecurityW;

    use super::*;

    /// Replaces the access control list of a file by the one that a string describes, in the language SDDL. `USER` in
    /// it stands for this user.
    pub fn set_access(path: &Path, description: &str) {
        let descriptor = LocalMemory::descriptor(&description.replace("USER", &current_user().unwrap())).unwrap();
        let path = long_path(path);
        // SAFETY: the path ends with a NUL, and the descriptor is valid.
        check(unsafe { SetFileSecurityW(path.as_ptr(), DACL_SECURITY_INFORMATION, descriptor.0) }).unwrap();
    }

    fn access(owner: &str, grants: &[(&str, u32)]) -> Access {
        let grants = grants.iter().map(|&(to, rights)| Grant { to: to.into(), rights }).collect();
        Access { user: "S-1-5-21-1-2-3-1001".into(), owner: owner.into(), grants }
    }

    #[test]
    fn only_the_user_and_administrators_are_trusted() {
        let user = "S-1-5-21-1-2-3-1001";
        for (owner, is_trusted) in
            [(user, true), (SYSTEM, true), (ADMINISTRATORS, true), ("S-1-5-21-1-2-3-1002", false), (EVERYONE, false)]
        {
            assert_eq!(access(owner, &[]).has_trusted_owner(), is_trusted, "{owner}");
            assert_eq!(access(user, &[(owner, FILE_WRITE_DATA)]).others_can_write(), !is_trusted, "{owner}");
        }
        for rights in [FILE_DELETE_CHILD, DELETE, WRITE_DAC, WRITE_OWNER, GENERIC_ALL, GENERIC_WRITE] {
            assert!(access(user, &[(EVERYONE, rights)]).others_can_write(), "{rights:x}");
        }
        let readable = access(user, &[(user, GENERIC_ALL), (EVERYONE, FILE_READ_DATA)]);
        assert!(!readable.others_can_write() && readable.all_users_can_read() && !readable.all_users_can_write());
    }

    #[test]
    fn missing_list_grants_everything_to_everyone() {
        // SAFETY: NULL is allowed.
        let grants = unsafe { grants(ptr::null()) }.unwrap();
        let owner = current_user().unwrap();
        assert!(Access { user: owner.clone(), owner, grants }.all_users_can_write());
    }
}
