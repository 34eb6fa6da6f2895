using System.Text;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// Both ends of the pipe by which a starting Sentry says that the container is made, or why it is not.
/// </summary>
internal static class BootStatus
{
    private const byte Ready = (byte)'+', Failed = (byte)'-';

    /// <summary>The Sentry's side: all is well.</summary>
    public static void SendReady(int fd) => HostFile.Write(fd, [Ready]);

    /// <summary>The Sentry's side: one line for the user.</summary>
    public static void SendFailure(int fd, string message) =>
        HostFile.Write(fd, [Failed, .. Encoding.UTF8.GetBytes(message)]);

    /// <summary>
    /// The command's side: returns when the container is made, fails with what the Sentry says, or said before it died.
    /// </summary>
    public static void Await(HostFd status, HostFd errors)
    {
        const int limitMilliseconds = 120_000;
        Span<PollFd> fds = [new PollFd(status.Number, PollEvents.In)];
        while (HostPoll.Wait(fds, limitMilliseconds).Failed(out int found, out _) || found == 0)
        {
            if (found == 0)
                throw new Failure("the sandbox did not start within two minutes");
        }

        string text = ReadAll(status);
        if (text.Length > 0 && text[0] == Ready)
            return;
        if (text.Length > 0)
            throw new Failure(text[1..]);
        string said = ReadAll(errors).Trim();
        throw new Failure("the sandbox died while it started" + (said.Length > 0 ? ": " + said : string.Empty));
    }

    private static string ReadAll(HostFd file)
    {
        const int bytesMax = 64 << 10;
        byte[] buffer = new byte[bytesMax];
        int length = 0;
        while (length < bytesMax && !HostFile.Read(file.Number, buffer.AsSpan(length)).Failed(out int count, out _)
            && count > 0)
        {
            length += count;
            if (buffer[0] == Ready)
                break; // The Sentry keeps the pipe for a moment longer.
        }

        return Encoding.UTF8.GetString(buffer, 0, length);
    }
}
