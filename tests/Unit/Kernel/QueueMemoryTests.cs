using Sandbox.Linux;
using Sandbox.Sentry.Kernel.PosixQueues;
using Xunit;

namespace Sandbox.UnitTests.Kernel;

/// <summary>What holds message queues back where no guest's own limit does.</summary>
public sealed class QueueMemoryTests
{
    [Fact]
    public void Messages_of_all_queues_together_have_a_limit_and_room_again_when_they_go()
    {
        const int length = 1 << 20;
        List<QueueMessage> held = [];
        Errno error;
        while (!QueueMessage.Make(0, length).Failed(out QueueMessage message, out error))
            held.Add(message);
        Assert.Equal(Errno.ENOMEM, error);
        Assert.Equal(QueueMemory.MaxBytes / QueueMemory.CostOf(length), held.Count);
        foreach (QueueMessage message in held)
            message.Free();
        Assert.Equal(Errno.Ok, QueueMessage.Make(0, length).Error);
        QueueMemory.Return(QueueMemory.CostOf(length));
    }

    [Fact]
    public void Also_empty_messages_have_a_price() => Assert.True(QueueMemory.CostOf(0) > 0);

    [Fact]
    public void Every_user_has_a_quota_of_his_own()
    {
        QueueQuotas quotas = new();
        Assert.True(quotas.TryTake(userId: 1, bytes: 60, limit: 100));
        Assert.False(quotas.TryTake(userId: 1, bytes: 41, limit: 100));
        Assert.True(quotas.TryTake(userId: 2, bytes: 100, limit: 100));
        quotas.Return(userId: 1, bytes: 60);
        Assert.True(quotas.TryTake(userId: 1, bytes: 100, limit: 100));
        Assert.True(quotas.TryTake(userId: 3, bytes: long.MaxValue, limit: ulong.MaxValue));
    }
}
