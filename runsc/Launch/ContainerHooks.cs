using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// Hooks of startContainer: programs of the container, run inside the sandbox with the process's own ids and
/// capabilities, before the process itself.
/// </summary>
internal static class ContainerHooks
{
    /// <summary>Runs them in order; fails when one does.</summary>
    public static void Run(HookSpec[]? hooks, ProcessSpec? process, StateDirectory states, ContainerState state)
    {
        const int insideId = 1;
        if (hooks is null || hooks.Length == 0)
            return;
        byte[] json = StateOutput.ToJson(state, StateOutput.NameOf(ContainerPhase.Created), insideId);
        for (int index = 0; index < hooks.Length; index++)
        {
            if (Run(hooks[index], process!, json, states, state) is { } problem)
                throw new Failure(Hooks.Describe("startContainer", index, hooks[index], problem));
        }
    }

    private static string? Run(
        HookSpec hook, ProcessSpec process, byte[] json, StateDirectory states, ContainerState state)
    {
        const int millisecondsPerSecond = 1000;
        if (HostFile.CreateMemory("state\0"u8, 1).Failed(out int input, out Errno error))
            return $"memfd_create: {error}";
        using HostFd inputOwner = new(input);
        HostFile.WriteAt(input, json, 0);
        if (HostSocket.CreatePair(SocketType.SequencedPacket).Failed(out (HostFd Own, HostFd Sentry) pair, out error))
            return $"socketpair: {error}";
        using HostFd own = pair.Own, sentryEnd = pair.Sentry;
        ProcessDescription description = DescriptionBuilder.Build(process);
        description.Args = hook.Args is { Length: > 0 } ? hook.Args : [hook.Path!];
        description.Program = hook.Path!;
        description.Env = hook.Env ?? [];
        description.HasTerminal = false;
        description.IsHook = true;
        try
        {
            using ControlClient client = ContainerLife.Connect(states, state);
            client.Ask(
                new ControlRequest { Method = ControlMethod.Execute, Container = state.Id, Execute = description },
                [sentryEnd.Number, input, 2, 2]);
        }
        catch (Failure failure)
        {
            return failure.Message;
        }

        // In place of a monitor: our end tells the exit code, and when it closes the process is killed.
        sentryEnd.Dispose();
        if (!HostChild.WaitForEnd(own, hook.Timeout is { } seconds ? seconds * millisecondsPerSecond : -1))
            return $"did not end within {hook.Timeout} s";
        Span<byte> message = stackalloc byte[sizeof(uint)];
        if (HostSocket.Receive(own.Number, message).Failed(out ReceivedMessage received, out _)
            || received.Length != message.Length)
            return "the sandbox is gone";
        int code = BinaryPrimitives.ReadInt32LittleEndian(message);
        return code == 0 ? null : $"exit status {code}";
    }
}
