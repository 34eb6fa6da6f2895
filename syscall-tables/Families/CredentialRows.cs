using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;

namespace Sandbox.SyscallTables.Families;

/// <summary>Ids and capabilities.</summary>
internal static unsafe class CredentialRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.seccomp] = Syscall.Of<uint, uint, UserAddress>("seccomp", &SeccompSyscalls.Control)
            .NeedsRegisters();
        rows[Sys.getuid] = Syscall.Of("getuid", &CredentialSyscalls.GetUser)
            .ByPage(PageCall.Answer);
        rows[Sys.geteuid] = Syscall.Of("geteuid", &CredentialSyscalls.GetEffectiveUser)
            .ByPage(PageCall.Answer);
        rows[Sys.getgid] = Syscall.Of("getgid", &CredentialSyscalls.GetGroup)
            .ByPage(PageCall.Answer);
        rows[Sys.getegid] = Syscall.Of("getegid", &CredentialSyscalls.GetEffectiveGroup)
            .ByPage(PageCall.Answer);
        rows[Sys.getresuid] = Syscall.Of<UserPtr<uint>, UserPtr<uint>, UserPtr<uint>>(
            "getresuid", &CredentialSyscalls.GetAllUsers);
        rows[Sys.getresgid] = Syscall.Of<UserPtr<uint>, UserPtr<uint>, UserPtr<uint>>(
            "getresgid", &CredentialSyscalls.GetAllGroups);
        rows[Sys.setuid] = Syscall.Of<uint>("setuid", &CredentialSyscalls.SetUser);
        rows[Sys.setgid] = Syscall.Of<uint>("setgid", &CredentialSyscalls.SetGroup);
        rows[Sys.setreuid] = Syscall.Of<uint, uint>("setreuid", &CredentialSyscalls.SetRealEffectiveUser);
        rows[Sys.setregid] = Syscall.Of<uint, uint>("setregid", &CredentialSyscalls.SetRealEffectiveGroup);
        rows[Sys.setresuid] = Syscall.Of<uint, uint, uint>("setresuid", &CredentialSyscalls.SetAllUsers);
        rows[Sys.setresgid] = Syscall.Of<uint, uint, uint>("setresgid", &CredentialSyscalls.SetAllGroups);
        rows[Sys.setfsuid] = Syscall.Of<uint>("setfsuid", &CredentialSyscalls.SetFileSystemUser);
        rows[Sys.setfsgid] = Syscall.Of<uint>("setfsgid", &CredentialSyscalls.SetFileSystemGroup);
        rows[Sys.getgroups] = Syscall.Of<int, UserPtr<uint>>("getgroups", &CredentialSyscalls.GetGroups);
        rows[Sys.setgroups] = Syscall.Of<int, UserPtr<uint>>("setgroups", &CredentialSyscalls.SetGroups);
        rows[Sys.capget] = Syscall.Of<UserPtr<CapabilitySyscalls.Header>, UserPtr<CapabilitySyscalls.Words>>(
            "capget", &CapabilitySyscalls.Get);
        rows[Sys.capset] = Syscall.Of<UserPtr<CapabilitySyscalls.Header>, UserPtr<CapabilitySyscalls.Words>>(
            "capset", &CapabilitySyscalls.Set);
    }
}
