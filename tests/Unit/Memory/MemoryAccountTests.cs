using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Xunit;

namespace Sandbox.UnitTests.Memory;

public sealed class MemoryAccountTests
{
    private readonly MemoryAccount _account = new();

    [Fact]
    public void What_does_not_fit_is_refused_and_leaves_nothing_charged()
    {
        _account.SetLimit(MemoryKind.Objects, 1000);
        Assert.True(_account.TryCharge(MemoryKind.Objects, 600));
        Assert.False(_account.TryCharge(MemoryKind.Objects, 401));
        Assert.True(_account.TryCharge(MemoryKind.Objects, 400));
        Assert.Equal(1000, _account.Bytes);
        _account.Return(MemoryKind.Objects, 1000);
        Assert.Equal(0, _account.Bytes);
    }

    [Fact]
    public void All_kinds_together_stay_within_the_memory_limit()
    {
        _account.SetLimit(10_000);
        _account.Charge(MemoryKind.Files, 9_000);
        Assert.False(_account.TryCharge(MemoryKind.Buffers, 1_001));
        Assert.True(_account.TryCharge(MemoryKind.Buffers, 1_000));
        Assert.False(_account.TryChargeObject(1));
        _account.Return(MemoryKind.Files, 9_000);
        _account.Return(MemoryKind.Buffers, 1_000);
    }

    [Fact]
    public void Changes_are_told_by_the_step()
    {
        int told = 0;
        _account.Changed = () => told++;
        _account.Charge(MemoryKind.Files, 1000);
        Assert.Equal(0, told);
        _account.Charge(MemoryKind.Files, 1 << 20);
        Assert.Equal(1, told);
        _account.Return(MemoryKind.Files, (1 << 20) + 1000);
        Assert.Equal(2, told);
    }

    [Fact]
    public void A_user_without_anything_takes_no_room_and_has_his_limit_again()
    {
        UserUsage users = _account.Users;
        Assert.True(users.TryTake(1000, UserResource.PipePages, 10, 16));
        Assert.False(users.TryTake(1000, UserResource.PipePages, 7, 16));
        Assert.True(users.TryTake(1001, UserResource.PipePages, 16, 16));
        users.Return(1000, UserResource.PipePages, 10);
        Assert.Equal(0, users.Get(1000, UserResource.PipePages));
        Assert.True(users.TryTake(1000, UserResource.PipePages, 16, 16));
    }

    [Fact]
    public void A_sysctl_takes_numbers_within_its_range()
    {
        KernelLimits limits = _account.Limits;
        Assert.Equal(16384, limits[KernelLimit.PipePagesSoft]);
        Assert.Equal(Errno.Ok, limits.Set(KernelLimit.PipePagesSoft, " 12\n"u8));
        Assert.Equal(12, limits[KernelLimit.PipePagesSoft]);
        Assert.Equal(Errno.EINVAL, limits.Set(KernelLimit.PipePagesSoft, "12x"u8));
        Assert.Equal(Errno.EINVAL, limits.Set(KernelLimit.PipeMaxBytes, "1"u8));
    }

    [Fact]
    public void A_ring_pays_for_its_storage_and_gives_it_back()
    {
        ByteRing ring = new(65536, _account);
        Assert.Equal(100, Count(ring.Write(new byte[100])));
        Assert.Equal(4096, _account.BytesOf(MemoryKind.Buffers));
        Assert.Equal(65436, Count(ring.Write(new byte[70000])));
        Assert.Equal(65536, _account.BytesOf(MemoryKind.Buffers));
        ring.Skip(65536);
        Assert.Equal(0, _account.BytesOf(MemoryKind.Buffers));

        _account.SetLimit(MemoryKind.Buffers, 8192);
        Assert.Equal(5000, Count(ring.Write(new byte[5000])));
        Assert.Equal(Errno.ENOMEM, ring.Write(new byte[5000]).Error);
        Assert.Equal(5000, ring.Count);
        ring.Clear();
    }

    private static int Count(Result<int> result)
    {
        Assert.False(result.Failed(out int count, out Errno error), error.ToString());
        return count;
    }
}
