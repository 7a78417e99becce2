import Flameback
import FlamebackCore
import Synchronization
import Testing

/// Gradients reach their leaves as they come: at once when complete, and whoever accumulates at the same time.
@Suite struct BackwardOrderTests {
  /// Events in order, from hooks and pullbacks.
  private final class Log: Sendable {
    private let entries = Mutex<[String]>([])
    func note(_ entry: String) { entries.withLock { $0.append(entry) } }
    var all: [String] { entries.withLock { $0 } }
  }

  /// x + w, whose backward is noted.
  private func noted(_ name: String, _ log: Log) -> CustomFunction {
    CustomFunction(name) { inputs, _ in
      [inputs[0] + inputs[1]]
    } backward: { grads, _ in
      log.note(name)
      return [grads[0], grads[0]]
    }
  }

  private func leaf(_ value: Double) -> Tensor { Tensor([value], shape: [1], requiresGrad: true) }

  @Test func leavesAreCompleteBeforeTheNextNodeRuns() {
    let log = Log()
    let (first, second, shared) = (leaf(1), leaf(1), leaf(1))
    for (name, x) in [("first", first), ("second", second), ("shared", shared)] {
      x.registerHook { gradient in
        log.note("hook \(name) \(gradient.itemInt())")
        return nil
      }
      x.registerPostAccumulateGradHook { log.note("done \(name) \($0.grad!.itemInt())") }
    }
    var x = noted("a", log)([first, shared])[0]
    x = noted("b", log)([x, second])[0]
    x = noted("c", log)([x, shared])[0]
    x.backward()
    #expect(
      log.all == [
        "c", "b", "hook second 1", "done second 1", "a", "hook first 1", "done first 1", "hook shared 2",
        "done shared 2",
      ])
    #expect(shared.grad!.itemInt() == 2)
  }

  /// A path that carries no gradient counts as one that has arrived.
  @Test func missingContributionsDoNotHoldALeafBack() {
    let log = Log()
    let (x, w) = (leaf(2), leaf(3))
    let dropped = CustomFunction("dropped") { inputs, _ in
      [inputs[0] + inputs[1]]
    } backward: { grads, _ in
      [grads[0], nil]
    }
    w.registerPostAccumulateGradHook { log.note("done \($0.grad!.itemInt())") }
    let inner = noted("below", log)([w * 2, w])[0]
    let y = dropped([x * w, inner])[0]
    y.backward()
    #expect(log.all == ["done 2"] && w.grad!.itemInt() == 2 && x.grad!.itemInt() == 3)
  }

  @Test func aHookMayUseTheGradientUp() {
    let x = leaf(1)
    let sum = Mutex(0)
    x.registerPostAccumulateGradHook { leaf in
      let gradient = leaf.grad!.itemInt()
      sum.withLock { $0 += gradient }
      leaf.grad = nil
    }
    for _ in 0..<3 { (x * 5).backward() }
    #expect(x.grad == nil && sum.withLock { $0 } == 15)
  }

  @Test func aRootMayBeALeaf() {
    let x = leaf(1)
    let count = Atomic<Int>(0)
    x.registerPostAccumulateGradHook { _ in count.add(1, ordering: .relaxed) }
    x.backward()
    backward([x, x * 3, x])
    #expect(x.grad!.itemInt() == 6 && count.load(ordering: .relaxed) == 2)
  }

  @Test func limitedPassesLeaveOthersAlone() {
    let (x, w) = (leaf(2), leaf(3))
    let log = Log()
    for (name, leaf) in [("x", x), ("w", w)] {
      leaf.registerHook {
        log.note("\(name) \($0.itemInt())")
        return nil
      }
      leaf.registerPostAccumulateGradHook { _ in log.note("done \(name)") }
    }
    let y = x * w
    (y * y).backward(retainGraph: true, inputs: [x, y, x])
    #expect(x.grad!.itemInt() == 36 && y.grad!.itemInt() == 12 && w.grad == nil)
    #expect(log.all == ["x 36", "done x"])
    let z = y * y
    let gradients = grad(of: [z], wrt: [w, y, w, y])
    #expect(gradients.map { $0!.itemInt() } == [24, 12, 24, 12])
    #expect(log.all == ["x 36", "done x", "w 24"] && w.grad == nil)
  }

  /// Leaves that tasks share lose nothing, whether sums are read meanwhile or not.
  @Test func manyTasksAccumulateIntoSharedLeaves() async {
    let (tasks, passes) = (24, 40)
    let leaves = (0..<4).map { _ in Tensor.ones([257], dtype: .float64).requiringGrad() }
    let hooks = Atomic<Int>(0)
    for leaf in leaves {
      leaf.registerPostAccumulateGradHook { leaf in
        hooks.add(1, ordering: .relaxed)
        if let sum = leaf.grad { _ = sum.sum().itemDouble() }
      }
    }
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<tasks {
        group.addTask {
          for _ in 0..<passes {
            var y = leaves[0]
            for leaf in leaves.dropFirst() { y = y + leaf * Double(task + 1) }
            y.sum().backward()
          }
        }
      }
    }
    let total = Double(passes * tasks * (tasks + 1) / 2)
    #expect(leaves[0].grad!.equal(.full([257], .float(Double(tasks * passes)), dtype: .float64)))
    for leaf in leaves.dropFirst() { #expect(leaf.grad!.equal(.full([257], .float(total), dtype: .float64))) }
    #expect(hooks.load(ordering: .relaxed) == 4 * tasks * passes)
  }

  @Test func sparseGradientsOfManyTasksAddUp() async {
    let weight = Tensor.zeros([5, 2]).requiringGrad()
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<16 {
        group.addTask {
          for _ in 0..<10 { Tensor([task % 5], shape: [1]).embedding(weight, sparse: true).sum().backward() }
        }
      }
    }
    #expect(weight.grad!.select(dim: 1, index: 0).scalars(Float.self) == [40, 30, 30, 30, 30])
  }

  /// What waits for the end of a pass waits for the outermost one.
  @Test func afterTheOutermostPass() {
    let log = Log()
    let (x, w) = (leaf(2), leaf(3))
    w.registerPostAccumulateGradHook { _ in
      log.note("w")
      afterBackward { log.note("end") }
    }
    x.registerPostAccumulateGradHook { _ in log.note("x") }
    checkpoint([x * 1]) { [$0[0] * w] }[0].backward()
    #expect(log.all == ["w", "x", "end"])
    afterBackward { log.note("at once") }
    #expect(log.all.last == "at once")
  }

  /// Nodes and leaves with many edges are numbered once.
  @Test func wideAndDeepGraphs() {
    let x = leaf(1)
    var y = x
    for _ in 0..<20 { y = y + y }
    y.backward()
    #expect(x.grad!.itemDouble() == 1_048_576)
    let leaves = (0..<3000).map { _ in leaf(1) }
    var sum = leaves[0]
    for _ in 0..<3 { for leaf in leaves { sum = sum + leaf } }
    sum.backward()
    #expect(leaves[0].grad!.itemInt() == 4 && leaves[2999].grad!.itemInt() == 3)
  }
}
