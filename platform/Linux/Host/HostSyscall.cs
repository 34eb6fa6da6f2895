using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>
/// A system call of the host by number, answering what the kernel leaves in RAX: a value, or a negative errno.
/// </summary>
/// <remarks>
/// Twenty-eight bytes of machine code instead of libc's wrappers: no errno in thread-local storage to clear and read
/// back around the call (28–45 ns each), the same entry for every number, and nothing for the loader to look up late.
/// The page is mapped at the first use and is never writable and executable at once.
/// </remarks>
public static unsafe partial class HostSyscall
{
    private static readonly delegate* unmanaged<long, long, long, long, long, long, long, long> _entry = MapEntry();

    /// <summary>Makes the call; it may block, so the garbage collector does not wait for it.</summary>
    public static long Call(int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0) =>
        _entry(number, a0, a1, a2, a3, a4, a5);

    /// <summary>
    /// Makes a call that cannot block and takes well under a microsecond: the collector *does* wait for it
    /// (SuppressGCTransition; a blocking call here would stop the whole process).
    /// </summary>
    public static long CallShort(
        int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0) =>
        ((delegate* unmanaged[SuppressGCTransition]<long, long, long, long, long, long, long, long>)_entry)(
            number, a0, a1, a2, a3, a4, a5);

    /// <summary>
    /// Makes the call again as long as it answers EINTR: the runtime's own signals are nobody's business.
    /// </summary>
    public static long CallRetrying(
        int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0)
    {
        while (true)
        {
            long result = _entry(number, a0, a1, a2, a3, a4, a5);
            if (result != -(long)Errno.EINTR)
                return result;
        }
    }

    /// <summary>The error in a raw result, or <see cref="Errno.Ok"/>.</summary>
    public static Errno ErrorOf(long result) => result is < 0 and >= -4095 ? (Errno)(int)-result : Errno.Ok;

    /// <summary>A raw result as a <see cref="Result{T}"/> of int.</summary>
    public static Result<int> AsInt(long result) =>
        ErrorOf(result) is not Errno.Ok and Errno error ? error : (int)result;

    /// <summary>A raw result as a <see cref="Result{T}"/> of long.</summary>
    public static Result<long> AsLong(long result) => ErrorOf(result) is not Errno.Ok and Errno error ? error : result;

    private static delegate* unmanaged<long, long, long, long, long, long, long, long> MapEntry()
    {
        // mov rax,rdi; mov rdi,rsi; mov rsi,rdx; mov rdx,rcx; mov r10,r8; mov r8,r9; mov r9,[rsp+8]; syscall; ret
        ReadOnlySpan<byte> code =
        [
            0x48, 0x89, 0xF8, 0x48, 0x89, 0xF7, 0x48, 0x89, 0xD6, 0x48, 0x89, 0xCA, 0x4D, 0x89, 0xC2,
            0x4D, 0x89, 0xC8, 0x4C, 0x8B, 0x4C, 0x24, 0x08, 0x0F, 0x05, 0xC3,
        ];
        const int pageBytes = PageSize.Bytes, readWrite = 3, readExecute = 5, privateAnonymous = 0x22;
        nint page = Libc.Mmap(0, pageBytes, readWrite, privateAnonymous, -1, 0);
        if (page == -1)
            throw new InvalidOperationException("cannot map the system call entry");
        code.CopyTo(new Span<byte>((void*)page, pageBytes));
        if (Libc.Mprotect(page, pageBytes, readExecute) != 0)
            throw new InvalidOperationException("cannot make the system call entry executable");
        return (delegate* unmanaged<long, long, long, long, long, long, long, long>)page;
    }

    private static partial class Libc
    {
        [LibraryImport("libc", EntryPoint = "mmap")]
        public static partial nint Mmap(nint address, nuint length, int protection, int flags, int fd, long offset);

        [LibraryImport("libc", EntryPoint = "mprotect")]
        public static partial int Mprotect(nint address, nuint length, int protection);
    }
}
