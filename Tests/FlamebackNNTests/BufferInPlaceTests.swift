import Flameback
import FlamebackCore
import Foundation
import Testing

/// Buffers change in place, in eager code and in graphs.
@Suite struct BufferInPlaceTests {
  /// Keys of earlier tokens in a buffer of full length, of which each call fills one place.
  final class Cached: Module {
    @Buffer var keys: Tensor
    @Buffer var calls = Tensor.zeros([], dtype: .int64)
    let scale = Linear(8, 8)

    init(_ length: Int) { keys = .zeros([1, 4, length, 8]) }

    func callAsFunction(_ x: Tensor, _ position: Tensor) -> Tensor {
      let row = scale(x)
      keys[.all, .all, position] = row
      calls = calls + 1
      return (row.matmul(keys.transpose(-2, -1))).softmax(dim: -1).matmul(keys)
    }
  }

  private func position(_ i: Int) -> Tensor { Tensor([i], shape: [1]) }

  @Test func olderValuesStay() {
    let model = Cached(16)
    let fast = compile(model) { [model($0[0], $0[1])] }
    let reference = Cached(16)
    for (a, b) in zip(reference.parameters(), model.parameters()) { a.tensor = b.tensor.detached() }
    for records in [false, true] {
      var seen: [(Tensor, Tensor)] = []
      for i in 0..<6 {
        let x = Tensor.randn([1, 4, 1, 8])
        let (y, expected) = setGradEnabled(records) {
          (fast([x, position(i)])[0], reference(x, position(i)))
        }
        #expect(y.allClose(expected, rtol: 1e-5, atol: 1e-6))
        #expect(model.keys.allClose(reference.keys, rtol: 1e-6, atol: 1e-6))
        if i % 2 == 0 { seen.append((model.keys.detached(), model.keys.detached().clone())) }
      }
      for (held, copy) in seen { #expect(held.equal(copy)) }
      #expect(model.calls.itemInt() == reference.calls.itemInt())
    }
    #expect(fast.log.allSatisfy { !$0.contains("without a graph") })
  }

  /// Every kind of indexed write, one after the other; with `reads` the value before them is read after them, so that it
  /// must survive.
  final class Written: Module {
    @Buffer var rows = Tensor.zeros([6, 3])
    let reads: Bool
    init(reads: Bool) { self.reads = reads }

    func callAsFunction(_ x: Tensor, _ index: Tensor) -> Tensor {
      let before = reads ? rows : x
      rows[1] = x[0]
      rows[index] = x[1...2]
      rows[index, 1...] = x[1...2, 0..<2] * 2
      rows = rows.indexCopy(dim: 0, index: index + 1, source: x[0..<2] + 1)
      rows = rows.indexAdd(dim: 0, index: index, source: x[0..<2])
      rows = rows.scatter(dim: 0, index: index.unsqueeze(1).expand([2, 3]).contiguous(), src: x[0..<2])
      rows = rows.indexFill(dim: 1, index: index - index, value: 0.5)
      rows = rows.put(index, x[0, 0..<2], accumulate: true)
      rows = rows.maskedScatter(rows .> 1, Tensor.cat([x, x]))
      return before.sum() + rows.cumsum(dim: 0)
    }
  }

  @Test func allIndexedWrites() {
    for reads in [false, true] {
      let (model, reference) = (Written(reads: reads), Written(reads: reads))
      let fast = compile(model) { [model($0[0], $0[1])] }
      for i in 0..<8 {
        let (x, index) = (Tensor.randn([3, 3]), Tensor([i % 4, 4], shape: [2]))
        let held = i % 3 == 0 ? (model.rows, model.rows.clone()) : nil
        let (y, expected) = inferenceMode { (fast([x, index])[0], reference(x, index)) }
        #expect(y.allClose(expected) && model.rows.allClose(reference.rows))
        if let held { #expect(held.0.equal(held.1)) }
      }
      #expect(fast.log.count == 1)
    }
  }

  @Test func aFailedCallLeavesTheBufferReadable() throws {
    let model = Cached(16)
    let fast = compile(model) { [model($0[0], $0[1])] }
    inferenceMode {
      for i in 0..<3 { _ = fast([Tensor.ones([1, 4, 1, 8]), position(i)]) }
      #expect(throws: OpError.self) { try withErrors { fast([Tensor.ones([1, 4, 1, 8]), position(99)]) } }
    }
  }

  @Test func propertiesAreWrittenInPlace() {
    let model = Cached(4)
    model.keys[0, 0, 0] = 1
    let place = model.keys.hostView.pointer
    model.keys[0, 1, 0] = 2
    model.$keys.tensor += 1
    #expect(model.keys.hostView.pointer == place && model.keys[0, 1, 0, 0].itemInt() == 3)
    let held = model.keys
    model.keys[0] = 7
    #expect(held[0, 1, 0, 0].itemInt() == 3 && model.keys.equal(.full([1, 4, 4, 8], 7.0)))
  }

  /// A token's write into a buffer of 4,000 copies that token's bytes; the process has the counter to itself.
  @Test func aTokenIsAllThatIsWritten() async {
    await #expect(processExitsWith: .exitCode(0)) {
      final class Keys: Module {
        @Buffer var keys = Tensor.zeros([1, 4, 4000, 8])
        @Parameter var scale = Tensor.ones([1])
        func callAsFunction(_ x: Tensor, _ position: Tensor) -> Tensor {
          keys[.all, .all, position] = x
          return keys.amax() + x * scale
        }
      }
      let row = 4 * 8 * 4
      let model = Keys()
      let fast = compile(model) { [model($0[0], $0[1])] }
      func bytes(_ i: Int, _ body: ([Tensor]) -> Tensor) -> Int {
        let (x, position) = (Tensor.full([1, 4, 1, 8], .float(Double(i))), Tensor([i], shape: [1]))
        let before = CopiedBytes.total
        let y = body([x, position])
        let count = CopiedBytes.total - before
        if y[0, 0, 0, 0].itemInt() != 2 * i { exit(1) }
        return count
      }
      for i in 1..<5 where bytes(i, { model($0[0], $0[1]) }) != row { exit(2) }
      for i in 5..<10 {
        let count = inferenceMode { bytes(i) { fast($0)[0] } }
        if i > 6, count != row { exit(3) }
      }
      for i in 10..<15 {
        let count = bytes(i) { fast($0)[0] }
        if i > 11, count != row { exit(4) }
      }
      if fast.log.contains(where: { $0.contains("without a graph") }) { exit(5) }
      let held = model.keys
      if inferenceMode({ bytes(15) { fast($0)[0] } }) != row + 4000 * row { exit(6) }
      if held[0, 0, 15, 0].itemInt() != 0 || model.keys[0, 0, 15, 0].itemInt() != 15 { exit(7) }
      exit(0)
    }
  }
}
