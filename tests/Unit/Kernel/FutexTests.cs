using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Futex;
using Sandbox.Sentry.Sync;
using Xunit;
using KernelTask = Sandbox.Sentry.Kernel.Tasks.Task;

namespace Sandbox.UnitTests.Kernel;

/// <summary>Futexes between tasks of one fake process.</summary>
public sealed class FutexTests : IDisposable
{
    private const ulong Word = FakeAddressSpace.Base + 64, Other = FakeAddressSpace.Base + 128;
    private static readonly UserAddress _word = new(Word), _other = new(Other);
    private readonly FakeKernel _kernel = new();

    private FutexTable Table => _kernel.Kernel.Futexes;

    public void Dispose() => _kernel.Dispose();

    [Fact]
    public void Wait_on_another_value_is_EAGAIN_and_on_nothing_EFAULT()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        Assert.Equal(Errno.EAGAIN, Table.Wait(task, _word, 1, FutexTable.AnyBit, true, Deadline.Now));
        Assert.Equal(Errno.EFAULT, Table.Wait(task, new UserAddress(64), 0, FutexTable.AnyBit, true, Deadline.Now));
        Assert.Equal(
            Errno.EINVAL, Table.Wait(task, new UserAddress(Word + 1), 0, FutexTable.AnyBit, true, Deadline.Now));
        Assert.Equal(Errno.ETIMEDOUT, Table.Wait(task, _word, 0, FutexTable.AnyBit, true, Deadline.After(1000)));
    }

    [Fact]
    public void Wake_wakes_as_many_as_it_says_and_only_those_whose_bits_meet()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        using Waiting first = new(this, task, bitset: 1), second = new(this, task, bitset: 2);

        Assert.Equal(1, Wake(task, _word, 10, bits: 2));
        Assert.Equal(Errno.Ok, second.Result());
        Assert.Equal(0, Wake(task, _word, 10, bits: 2));
        Assert.Equal(1, Wake(task, _word, 10, FutexTable.AnyBit));
        Assert.Equal(Errno.Ok, first.Result());
    }

    [Fact]
    public void Requeued_waiter_is_woken_at_its_new_word()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        using Waiting first = new(this, task), second = new(this, task);

        Assert.False(Table.Requeue(task, _word, _other, 1, 10, 0, true).Failed(out int count, out _));
        Assert.Equal(2, count);
        Assert.Equal(0, Wake(task, _word, 10, FutexTable.AnyBit));
        Assert.Equal(1, Wake(task, _other, 10, FutexTable.AnyBit));
        Assert.Equal((Errno.Ok, Errno.Ok), (first.Result(), second.Result()));
        Assert.Equal(Errno.EAGAIN, Table.Requeue(task, _word, _other, 1, 1, 5, true).Error);
    }

    [Fact]
    public void Interrupted_waiter_leaves_the_queue()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        using Waiting waiting = new(this, task);
        waiting.Task.Notify();
        Assert.Equal(Errno.ERESTARTSYS, waiting.Result());
        Assert.Equal(0, Wake(task, _word, 10, FutexTable.AnyBit));
    }

    [Fact]
    public void Wake_operation_changes_the_second_word_and_wakes_by_its_old_value()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        FakeKernel.SpaceOf(task).SetWord(Other, 7);

        // FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 7)
        FutexOperation operation = new((1u << 28) | (5 << 12) | 7);
        Assert.False(Table.WakeOperation(task, _word, _other, 1, 1, operation, true).Failed(out _, out _));
        Assert.Equal(12u, FakeKernel.SpaceOf(task).Word(Other));
        Assert.Equal(
            Errno.ENOSYS, Table.WakeOperation(task, _word, _other, 1, 1, new FutexOperation(7u << 28), true).Error);
    }

    [Fact]
    public void Lock_is_handed_over_with_the_new_owner_in_the_word()
    {
        KernelTask owner = _kernel.NewProcess(_kernel.Init);
        Assert.Equal(Errno.Ok, Table.Lock(owner, _word, false, true, Deadline.Never));
        Assert.Equal(Errno.EDEADLK, Table.Lock(owner, _word, false, true, Deadline.Never));
        using Waiting waiting = new(this, owner, isLock: true);
        Assert.Equal(Errno.EPERM, Table.Unlock(waiting.Task, _word, true));

        Assert.Equal(Errno.Ok, Table.Unlock(owner, _word, true));

        Assert.Equal(Errno.Ok, waiting.Result());
        Assert.Equal((uint)waiting.Task.Id.Own, FakeKernel.SpaceOf(owner).Word(Word) & 0x3FFF_FFFF);
    }

    [Fact]
    public void Robust_mutex_of_a_dead_thread_says_so_and_a_loop_in_the_list_ends()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        FakeAddressSpace space = FakeKernel.SpaceOf(task);
        const ulong head = FakeAddressSpace.Base + 512, entry = FakeAddressSpace.Base + 1024;
        space.Write(new UserAddress(head), BitConverter.GetBytes(entry));
        space.Write(new UserAddress(head + 8), BitConverter.GetBytes(32L));
        space.Write(new UserAddress(entry), BitConverter.GetBytes(entry)); // Points at itself.
        space.SetWord(entry + 32, (uint)task.Id.Own);
        task.RobustListHead = new UserAddress(head);

        RobustList.Release(task);

        Assert.Equal(0x4000_0000u, space.Word(entry + 32));
    }

    private int Wake(KernelTask task, UserAddress address, int count, uint bits) =>
        Table.Wake(task, address, count, bits, true).Failed(out int woken, out Errno error) ? -(int)error : woken;

    /// <summary>A thread of the process, asleep on the word.</summary>
    private sealed class Waiting : IDisposable
    {
        private readonly Thread _thread;
        private Errno _result;

        public Waiting(FutexTests test, KernelTask sibling, uint bitset = FutexTable.AnyBit, bool isLock = false)
        {
            Task = test._kernel.NewThread(sibling);
            _thread = new Thread(() => _result = isLock
                ? test.Table.Lock(Task, _word, false, true, Deadline.After(10_000_000_000))
                : test.Table.Wait(Task, _word, 0, bitset, true, Deadline.After(10_000_000_000)));
            _thread.Start();
            Assert.True(SpinWait.SpinUntil(() => Task.FutexWaiter?.Bucket is not null, 5000));
        }

        public KernelTask Task { get; }

        public Errno Result()
        {
            Assert.True(_thread.Join(5000));
            return _result;
        }

        public void Dispose() => _thread.Join(11000);
    }
}
