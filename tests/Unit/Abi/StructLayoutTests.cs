using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Sandbox.Harness;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Syscalls;
using Xunit;

namespace Sandbox.UnitTests.Abi;

/// <summary>
/// Our ABI structs against the C compiler's: the size and each field's offset and width, as static assertions that gcc
/// checks. And no hole between fields: what the compiler pads it does not clear, and the guest would read it.
/// </summary>
public sealed class StructLayoutTests
{
    /// <summary>
    /// Type, C type, header, and the C names of the fields in the order of our declaration; "-" has none (padding,
    /// spare).
    /// </summary>
    private static readonly (Type Type, string CType, string Header, string Members)[] _structs =
    [
        (typeof(Timespec), "struct timespec", "time.h", "tv_sec tv_nsec"),
        (typeof(Timeval), "struct timeval", "sys/time.h", "tv_sec tv_usec"),
        (typeof(IoVector), "struct iovec", "sys/uio.h", "iov_base iov_len"),
        (typeof(Stat), "struct stat", "sys/stat.h",
            "st_dev st_ino st_nlink st_mode st_uid st_gid - st_rdev st_size st_blksize "
            + "st_blocks st_atim st_mtim st_ctim - - -"),
        (typeof(StatxTimestamp), "struct statx_timestamp", "sys/stat.h", "tv_sec tv_nsec -"),
        (typeof(Statx), "struct statx", "sys/stat.h",
            "stx_mask stx_blksize stx_attributes stx_nlink stx_uid stx_gid stx_mode - "
            + "stx_ino stx_size stx_blocks stx_attributes_mask stx_atime stx_btime stx_ctime stx_mtime stx_rdev_major "
            + "stx_rdev_minor stx_dev_major stx_dev_minor stx_mnt_id - - - - - - - - - - - - - -"),
        (typeof(StatFs), "struct statfs", "sys/statfs.h",
            "f_type f_bsize f_blocks f_bfree f_bavail f_files f_ffree f_fsid "
            + "f_namelen f_frsize f_flags - - - -"),
        (typeof(ResourceUsage), "struct rusage", "sys/resource.h",
            "ru_utime ru_stime ru_maxrss ru_ixrss ru_idrss ru_isrss "
            + "ru_minflt ru_majflt ru_nswap ru_inblock ru_oublock ru_msgsnd ru_msgrcv ru_nsignals ru_nvcsw ru_nivcsw"),
        (typeof(UserRegisters), "struct user_regs_struct", "sys/user.h",
            "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi "
            + "orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"),
        (typeof(HostEpollEvent), "struct epoll_event", "sys/epoll.h", "events data"),
        (typeof(EpollEvent), "struct epoll_event", "sys/epoll.h", "events data"),
        (typeof(PollFd), "struct pollfd", "poll.h", "fd events revents"),
        (typeof(PollDescriptor), "struct pollfd", "poll.h", "fd events revents"),
        (typeof(WindowSize), "struct winsize", "sys/ioctl.h", "ws_row ws_col ws_xpixel ws_ypixel"),
        (typeof(Termios), "struct termios", "asm/termbits.h", "c_iflag c_oflag c_cflag c_lflag c_line c_cc"),
        (typeof(SeccompNotification), "struct seccomp_notif", "linux/seccomp.h", "id pid flags data.nr data.arch "
            + "data.instruction_pointer data.args[0] data.args[1] data.args[2] data.args[3] data.args[4] data.args[5]"),
        (typeof(MessageHeader), "struct msghdr", "sys/socket.h",
            "msg_name msg_namelen - msg_iov msg_iovlen msg_control "
            + "msg_controllen msg_flags -"),
        (typeof(Limit), "struct rlimit", "sys/resource.h", "rlim_cur rlim_max"),
        (typeof(SignalContext), "struct sigcontext", "signal.h",
            "r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip "
            + "eflags cs gs fs - err trapno oldmask cr2 fpstate __reserved1"),
        (typeof(UserSignalStack), "stack_t", "signal.h", "ss_sp ss_flags - ss_size"),
        (typeof(SignalInfo), "siginfo_t", "signal.h",
            "si_signo si_errno si_code si_pid si_timerid si_addr si_uid si_overrun si_value "
            + "si_status si_utime si_stime si_arch -"),
        (typeof(SystemInfoSyscalls.SystemInfo), "struct sysinfo", "sys/sysinfo.h",
            "uptime loads totalram freeram sharedram bufferram "
            + "totalswap freeswap procs pad - totalhigh freehigh mem_unit -"),
        (typeof(MessageSyscalls.CountedHeader), "struct mmsghdr", "sys/socket.h", "msg_hdr msg_len -"),
        (typeof(FutexSyscalls.VectorEntry), "struct futex_waitv", "linux/futex.h", "val uaddr flags __reserved"),
    ];

    public static TheoryData<string> Names => [.. _structs.Select(static row => row.Type.FullName!)];

    [Theory, MemberData(nameof(Names))]
    public void Struct_is_laid_out_as_in_C(string name)
    {
        (Type type, string cType, string header, string members) = Array.Find(
            _structs, row => row.Type.FullName == name);
        StringBuilder program = new("#define _GNU_SOURCE\n#include <stddef.h>\n#include <time.h>\n");
        program.Append($"#include <{header}>\n_Static_assert(sizeof({cType}) == {SizeOf(type)}, \"size\");\n");
        FieldInfo[] fields = Fields(type);
        string[] names = members.Split(' ');
        Assert.Equal(fields.Length, names.Length);
        for (int i = 0; i < fields.Length; i++)
        {
            if (names[i] == "-")
                continue;
            string member = names[i];
            program.Append(
                $"_Static_assert(offsetof({cType}, {member}) == {Offset(type, fields[i])}, \"offset of {member}\");\n");
            program.Append($"_Static_assert(sizeof((({cType} *)0)->{member}) == {SizeOf(fields[i].FieldType)}, \"width of {member}\");\n");
        }

        HostResult gcc = HostProgram.Run(
            ["gcc", "-x", "c", "-fsyntax-only", "-"], TimeSpan.FromMinutes(1), input: program.ToString());
        if (gcc.Status != 0)
            Assert.Fail(gcc.ToString());
    }

    [Theory, MemberData(nameof(Names))]
    public void Struct_has_no_hole_that_could_leak_what_was_there_before(string name)
    {
        Type type = Array.Find(_structs, row => row.Type.FullName == name).Type;
        if (type.IsExplicitLayout)
            return; // A union: overlapping on purpose, and cleared as a whole when it is made.
        int end = 0;
        foreach (FieldInfo field in Fields(type))
        {
            Assert.True(Offset(type, field) == end, $"a hole before {field.Name}");
            end += SizeOf(field.FieldType);
        }

        Assert.Equal(SizeOf(type), end);
    }

    private static FieldInfo[] Fields(Type type) =>
        type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);

    private static int Offset(Type type, FieldInfo field) => (int)Marshal.OffsetOf(type, field.Name);

    private static int SizeOf(Type type) =>
        (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;
}
