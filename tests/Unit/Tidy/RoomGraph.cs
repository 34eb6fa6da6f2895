using System.Reflection;

namespace Sandbox.UnitTests.Tidy;

/// <summary>
/// Which room (namespace) of an assembly uses which. Read from the compiled assembly, method bodies included, so that
/// no spelling of a type name escapes; but constants leave no trace there.
/// </summary>
internal sealed class RoomGraph
{
    private readonly SortedDictionary<string, SortedDictionary<string, string>> _uses = [];

    /// <summary>
    /// The graph of an assembly's namespaces, named by what follows <paramref name="root"/>; "" is the root itself.
    /// </summary>
    public static RoomGraph Of(string assembly, string root)
    {
        RoomGraph graph = new();
        foreach (Type type in Assembly.Load(assembly).GetTypes())
        {
            // What the compiler adds (embedded attributes, inline arrays, static array data) is in no room.
            Type user = OutermostOf(type);
            if (!IsBelow(user, root))
                continue;
            foreach ((Type mentioned, string where) in TypeMentions.Of(type))
            {
                foreach (Type used in TypeMentions.Flatten(mentioned))
                {
                    if (used.Assembly == type.Assembly && IsBelow(OutermostOf(used), root))
                        graph.Add(RoomOf(user, root), RoomOf(OutermostOf(used), root),
                            $"{user.Name}.{where} uses {used.Name}");
                }
            }
        }

        return graph;
    }

    /// <summary>The arrows between different rooms, each with an example.</summary>
    public IEnumerable<(string From, string To, string Example)> Arrows()
    {
        foreach ((string from, SortedDictionary<string, string> used) in _uses)
        {
            foreach ((string to, string example) in used)
                yield return (from, to, example);
        }
    }

    /// <summary>
    /// Arrows that the list does not allow, and those of the list that are no more: it may only become shorter.
    /// </summary>
    /// <param name="allowed">For each room those that it uses.</param>
    /// <param name="isMeant">Which arrows the list is about.</param>
    public List<string> Differences(IReadOnlyDictionary<string, string[]> allowed, Func<string, string, bool> isMeant)
    {
        List<string> findings = [];
        foreach ((string from, string to, string example) in Arrows())
        {
            if (isMeant(from, to) && !(allowed.TryGetValue(from, out string[]? known) && known.Contains(to)))
                findings.Add($"\"{from}\" must not use \"{to}\": {example}");
        }

        foreach ((string from, string[] known) in allowed)
        {
            foreach (string to in known)
            {
                if (!_uses.TryGetValue(from, out SortedDictionary<string, string>? used) || !used.ContainsKey(to))
                    findings.Add($"\"{from}\" no longer uses \"{to}\": take the arrow out of the list");
            }
        }

        return findings;
    }

    /// <summary>The largest set of rooms of which each reaches every other; empty if there is no circle.</summary>
    public IReadOnlyList<string> LargestCircle(Func<string, bool> isMeant)
    {
        List<string> largest = [];
        foreach (string room in _uses.Keys.Where(isMeant))
        {
            HashSet<string> reached = Reach(room, isMeant);
            List<string> circle = [.. reached.Where(other => Reach(other, isMeant).Contains(room))];
            if (reached.Contains(room) && circle.Count > largest.Count)
                largest = circle;
        }

        return largest;
    }

    private HashSet<string> Reach(string room, Func<string, bool> isMeant)
    {
        HashSet<string> reached = [];
        Stack<string> open = new([room]);
        while (open.TryPop(out string? next))
        {
            if (!_uses.TryGetValue(next, out SortedDictionary<string, string>? used))
                continue;
            foreach (string to in used.Keys.Where(isMeant))
            {
                if (reached.Add(to))
                    open.Push(to);
            }
        }

        return reached;
    }

    private void Add(string from, string to, string example)
    {
        if (from == to)
            return;
        if (!_uses.TryGetValue(from, out SortedDictionary<string, string>? used))
            _uses.Add(from, used = []);
        used.TryAdd(to, example);
    }

    private static bool IsBelow(Type type, string root) =>
        type.Namespace is { } space && (space == root || space.StartsWith(root + ".", StringComparison.Ordinal));

    private static string RoomOf(Type type, string root) =>
        type.Namespace!.Length == root.Length ? "" : type.Namespace[(root.Length + 1)..];

    private static Type OutermostOf(Type type)
    {
        while (type.DeclaringType is { } outer)
            type = outer;
        return type;
    }
}
