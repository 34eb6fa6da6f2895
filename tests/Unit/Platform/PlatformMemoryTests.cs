using Sandbox.Linux;
using Sandbox.Platform;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Platform;

/// <summary>
/// Guest memory under the notification platform: copies, mappings, descriptors lent for them, faults.
/// </summary>
public abstract class PlatformMemoryTests(PlatformFixture fixture) : PlatformGuests(fixture)
{
    [Fact]
    public void Guest_memory_is_copied_both_ways_and_ends_where_the_mapping_ends()
    {
        byte[] read = new byte[5];
        (Result<int> Hole, Result<int> Short, Result<int> ReadOnly) results = default;
        ToyKernel kernel = Run(
            c =>
            {
                c.mov(rax, 0x6F6C6C6568ul); // "hello"
                c.mov(rbx, ToyImage.DataBase);
                c.mov(__qword_ptr[rbx], rax);
                Call(c, Sys.write, 1, ToyImage.DataBase, 5);
                c.mov(rax, __qword_ptr[rbx + 8]);
                Exit(c);
            },
            kernel => kernel.Syscall = thread =>
            {
                if (thread.Syscall.Number != Sys.write)
                    return null;
                IAddressSpace space = thread.AddressSpace;
                space.Read(new UserAddress(thread.Syscall.A1), read);
                space.Write(new UserAddress(ToyImage.DataBase + 8), [42, 0, 0, 0, 0, 0, 0, 0]);
                results.Hole = space.Read(new UserAddress(0x5000), new byte[8]);
                results.Short = space.Write(new UserAddress(ToyImage.DataBase + ToyImage.DataBytes - 3), new byte[8]);
                results.ReadOnly = space.Write(new UserAddress(space.VdsoAddress), new byte[8]);
                return Value(5);
            });
        Assert.Equal("hello"u8.ToArray(), read);
        Assert.Equal(42ul, kernel.ExitStatus);
        Assert.Equal(Errno.EFAULT, results.Hole.Error);
        Assert.Equal(Errno.EFAULT, results.ReadOnly.Error);
        Assert.False(results.Short.Failed(out int count, out _));
        Assert.Equal(3, count);
    }

    [Fact]
    public void A_file_is_mapped_for_a_descriptor_the_host_would_not_give()
    {
        using HostFd file = new(HostFile.CreateMemory("file\0"u8, 1).Failed(out int fd, out _) ? -1 : fd);
        HostFile.Write(file.Number, "mapped file"u8);
        ToyKernel kernel = Run(
            c =>
            {
                Call(c, Sys.mmap, 0, 0x1000, 1, 2, 0x7FFF_FFF0, 0);
                c.movzx(eax, __byte_ptr[rax]);
                Exit(c);
            },
            kernel => kernel.Syscall = thread =>
                thread.Syscall.Number == Sys.mmap ? GuestAction.ExecuteOnHost(file.Number) : null);
        Assert.Equal((ulong)'m', kernel.ExitStatus);
    }

    [Theory]
    [InlineData(Sys.munmap, 0x6FFF_0001_0000ul, 0x1000ul)]
    [InlineData(Sys.munmap, 0x6FFE_FFFF_0000ul, 0x100000ul)]
    [InlineData(Sys.munmap, 0x6000_0000_0000ul, 0x1000_0000_0000ul)]
    [InlineData(Sys.mprotect, 0x6FFF_0001_0000ul, 0x1000ul)]
    [InlineData(Sys.madvise, 0x6FFF_0003_0000ul, 0x1000ul)]
    [InlineData(Sys.mremap, 0x6FFF_0003_0000ul, 0x1000ul)]
    public void A_memory_call_that_could_reach_the_stub_is_notified(int number, ulong address, ulong length)
    {
        ToyKernel kernel = Run(c =>
        {
            Call(c, number, address, length, 4, 0);
            Exit(c);
        });
        Assert.Contains((number, address, length), kernel.Calls);
    }

    [Fact]
    public void A_file_is_mapped_with_a_lent_descriptor()
    {
        using HostFd file = new(HostFile.CreateMemory("file\0"u8, 1).Failed(out int fd, out _) ? -1 : fd);
        HostFile.Write(file.Number, "mapped file"u8);
        ToyKernel kernel = Run(
            c =>
            {
                Call(c, Sys.mmap, 0, 0x1000, 1, 2, 17, 0);
                c.movzx(eax, __byte_ptr[rax]);
                Exit(c);
            },
            kernel => kernel.Syscall = thread =>
                thread.Syscall.Number == Sys.mmap ? GuestAction.ExecuteOnHost(file.Number) : null);
        Assert.Equal((ulong)'m', kernel.ExitStatus);
    }

    [Fact]
    public void Mappings_are_found_as_the_host_has_them_but_for_the_stub()
    {
        using HostFd file = new(HostFile.CreateMemory("file\0"u8, 1).Failed(out int fd, out _) ? -1 : fd);
        HostFile.Truncate(file.Number, 0x3000);
        HostFile.Stat(file.Number).Failed(out Stat stat, out _);
        HostMapping found = default, anonymous = default;
        Errno hole = Errno.Ok, stub = Errno.Ok;
        List<HostMapping> all = [];
        Run(
            c =>
            {
                Call(c, Sys.mmap, 0x400000, 0x2000, 3, 0x11, 17, 0x1000);
                Call(c, Sys.getpid);
                Exit(c);
            },
            kernel => kernel.Syscall = thread =>
            {
                if (thread.Syscall.Number == Sys.mmap)
                    return GuestAction.ExecuteOnHost(file.Number);
                if (thread.Syscall.Number != Sys.getpid)
                    return null;
                IAddressSpace space = thread.AddressSpace;
                space.FindMapping(new UserAddress(0x401000)).Failed(out found, out _);
                space.FindMapping(new UserAddress(ToyImage.DataBase)).Failed(out anonymous, out _);
                hole = space.FindMapping(new UserAddress(0x500000)).Error;
                stub = space.FindMapping(new UserAddress(space.ReservedStart + 0x10000)).Error;
                space.ListMappings(all);
                return Value(0);
            });
        Assert.Equal(
            (0x400000ul, 0x402000ul, 0x1000ul, stat.Device, stat.Inode, true),
            (found.Start, found.End, found.Offset, found.Device, found.Inode, found.IsShared));
        Assert.Equal(MemoryProtection.Read | MemoryProtection.Write, found.Protection);
        Assert.Equal((ToyImage.DataBase, 0ul, false), (anonymous.Start, anonymous.Inode, anonymous.IsShared));
        Assert.Equal((Errno.EFAULT, Errno.EFAULT), (hole, stub));
        Assert.Contains(all, mapping => mapping.HostName == "[stack]");
        Assert.Contains(all, mapping => mapping with { HostName = "" } == found);
        Assert.DoesNotContain(all, mapping => mapping.Start >> 32 == 0x6FFF);
    }
}

public sealed class PtraceMemoryTests(PtraceFixture fixture) : PlatformMemoryTests(fixture),
    IClassFixture<PtraceFixture>;

public sealed class NotifyMemoryTests(NotifyFixture fixture) : PlatformMemoryTests(fixture),
    IClassFixture<NotifyFixture>
{
    [Fact]
    public void Private_anonymous_memory_is_managed_without_a_call()
    {
        ToyKernel kernel = Run(c =>
        {
            Call(c, Sys.mmap, 0, 0x4000, 3, 0x22, ulong.MaxValue, 0);
            c.mov(rbx, rax);
            c.mov(__dword_ptr[rbx + 0x1000], 7);
            c.mov(rdi, rbx);
            c.mov(esi, 0x4000);
            c.mov(edx, 1);
            c.mov(eax, Sys.mprotect);
            c.syscall();
            c.mov(r12, rax);
            c.mov(rdi, rbx);
            c.mov(esi, 0x1000);
            c.mov(eax, Sys.munmap);
            c.syscall();
            c.or(r12, rax);
            Call(c, Sys.mmap, 0x300000, 0x1000, 3, 0x32, ulong.MaxValue, 0);
            c.sub(rax, 0x300000);
            c.or(rax, r12);
            c.mov(ecx, __dword_ptr[rbx + 0x1000]);
            c.add(rax, rcx);
            Exit(c);
        });
        Assert.Equal(7ul, kernel.ExitStatus);
        Assert.Equal([(Sys.exit_group, 7ul, 0x1000ul)], kernel.Calls.Select(call => (call.Number, call.A0, 0x1000ul)));
    }

    [Fact]
    public void Descriptors_lent_for_mappings_are_gone_after_a_fork()
    {
        using HostFd file = new(HostFile.CreateMemory("file\0"u8, 1).Failed(out int fd, out _) ? -1 : fd);
        HostFile.Truncate(file.Number, 0x1000);
        int before = 0, after = 0;
        Run(
            c =>
            {
                Call(c, Sys.mmap, 0, 0x1000, 1, 2, 17, 0);
                Call(c, Sys.fork);
                Call(c, Sys.exit_group, 0);
            },
            kernel =>
            {
                kernel.Expect();
                kernel.Syscall = thread =>
                {
                    string descriptors = $"/proc/{thread.HostThreadId}/fd";
                    if (thread.Syscall.Number == Sys.mmap)
                        return GuestAction.ExecuteOnHost(file.Number);
                    if (thread.Syscall.Number != Sys.fork)
                        return null;
                    before = Directory.GetFileSystemEntries(descriptors).Length;
                    if (thread.Fork().Failed(out IGuestThread? child, out _))
                        return Value(-1);
                    after = Directory.GetFileSystemEntries(descriptors).Length;
                    child.Events = kernel;
                    child.Start();
                    return Value(1);
                };
            });
        Assert.Equal((1, 0), (before, after));
    }
}
