import Flameback
import Testing

/// A public call with one size, count, step or index of the caller's choice.
struct SizedCall: Sendable, CustomTestStringConvertible {
  let name: String
  let run: @Sendable (Int) -> Any

  init(_ name: String, _ run: @escaping @Sendable (Int) -> Any) {
    self.name = name
    self.run = run
  }

  var testDescription: String { name }
}

/// Sizes at the edge of Int: each call ends in a sentence or in the right answer, and none traps or hangs.
@Suite struct EdgeSizeTests {
  static let numbers = [Int.max, Int.min, Int.max - 1, Int.min + 1, 1 << 62, -(1 << 62), 1 << 40, -(1 << 40)]

  @Test(arguments: SizedCall.all) func edgeSizesEndInASentenceOrAnAnswer(_ call: SizedCall) {
    for n in Self.numbers {
      let begun = ContinuousClock.now
      do { _ = try withErrors { call.run(n) } } catch let error as OpError {
        #expect(!error.op.isEmpty && error.message.count > 10, "\(call.name)(\(n))")
      } catch { Issue.record("\(call.name)(\(n)): \(error)") }
      #expect(ContinuousClock.now - begun < .seconds(20), "\(call.name)(\(n))")
    }
  }
}
