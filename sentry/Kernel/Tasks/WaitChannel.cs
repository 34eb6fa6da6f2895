using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>What a task waits for, by the name of the kernel function it would sleep in on Linux (/proc/PID/wchan, proc(5)).</summary>
internal static class WaitChannel
{
    /// <summary>
    /// "0" for a task that waits for nothing or runs guest code. A guess from its call: it may just not have got to sleep.
    /// </summary>
    public static string Of(Task task)
    {
        if (task.IsStopped)
            return "do_signal_stop";
        int call = task.SyscallNumber;
        if (call < 0)
            return "0";
        return call switch
        {
            Sys.read or Sys.readv or Sys.pread64 or Sys.preadv => "vfs_read",
            Sys.write or Sys.writev or Sys.pwrite64 or Sys.pwritev => "vfs_write",
            Sys.poll or Sys.ppoll or Sys.select or Sys.pselect6 => "poll_schedule_timeout",
            Sys.epoll_wait or Sys.epoll_pwait or Sys.epoll_pwait2 => "ep_poll",
            Sys.futex or Sys.futex_waitv => "futex_wait_queue",
            Sys.wait4 or Sys.waitid => "do_wait",
            Sys.nanosleep or Sys.clock_nanosleep => "hrtimer_nanosleep",
            Sys.pause or Sys.rt_sigsuspend => "sigsuspend",
            Sys.rt_sigtimedwait => "do_sigtimedwait",
            Sys.accept or Sys.accept4 => "inet_csk_accept",
            Sys.connect => "sock_connect",
            Sys.recvfrom or Sys.recvmsg or Sys.recvmmsg => "sock_recvmsg",
            Sys.sendto or Sys.sendmsg or Sys.sendmmsg or Sys.sendfile => "sock_sendmsg",
            Sys.splice or Sys.tee or Sys.vmsplice => "splice",
            Sys.flock or Sys.fcntl => "locks_lock_inode_wait",
            Sys.vfork or Sys.clone or Sys.clone3 or Sys.fork => "kernel_clone",
            Sys.semop or Sys.semtimedop => "do_semtimedop",
            Sys.msgrcv => "do_msgrcv",
            Sys.msgsnd => "do_msgsnd",
            _ => "0",
        };
    }
}
