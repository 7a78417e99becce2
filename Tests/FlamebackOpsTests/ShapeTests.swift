import Flameback
import FlamebackTesting
import Testing

@Suite struct ShapeTests {
  @Test func literalsHaveTheTypesOfPython() {
    #expect(Tensor([[1, 2], [3, 4]]).dtype == .int64)
    #expect(Tensor([[1.5, 2], [3, 4]]).dtype == .float32)
    #expect(Tensor([true]).dtype == .bool)
    #expect(Tensor(3).shape == [] && Tensor([[[Float]]]([[[1]]])).shape == [1, 1, 1])
    #expect(Tensor([0.1], dtype: .float64).itemDouble() == 0.1)
    #expect(throws: OpError.self) { try withErrors { Tensor([[1, 2], [3]]) } }
  }

  @Test func reshapeCopiesOnlyWhereItMust() {
    let x = Tensor.arange(12).view(3, 4)
    #expect(x.t().reshape(12).sharesStorage(with: x) == false)
    #expect(x.t().reshape(12).scalars(Int.self) == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    #expect(x.reshape(2, -1).sharesStorage(with: x))
    #expect(x[0..., ..<2].unsqueeze(1).squeeze().sharesStorage(with: x))
    #expect(throws: OpError.self) { try withErrors { x.t().view(12) } }
    #expect(throws: OpError.self) { try withErrors { x.view(5, -1) } }
    #expect(throws: OpError.self) { try withErrors { Tensor.zeros(0, 5).view(0, -1) } }
    #expect(throws: OpError.self) { try withErrors { Tensor.zeros(1 << 40, 1 << 40) } }
  }

  /// Rows without gaps move as wholes, in parts of any size among threads.
  @Test(arguments: [[3, 5, 4, 7], [2, 130, 9, 64], [40, 20, 30, 3]], [[0, 2, 1, 3], [2, 0, 1, 3], [1, 0, 2, 3]])
  func permutedRowsAreCopiedInOrder(_ sizes: [Int], _ order: [Int]) {
    let x = Tensor.arange(sizes.reduce(1, *), dtype: .float32).view(sizes)
    let y = x.permute(order).contiguous()
    let strides = (0..<4).map { sizes[($0 + 1)...].reduce(1, *) }
    var expected: [Float] = []
    for a in 0..<sizes[order[0]] {
      for b in 0..<sizes[order[1]] {
        for c in 0..<sizes[order[2]] {
          let start = a * strides[order[0]] + b * strides[order[1]] + c * strides[order[2]]
          for d in 0..<sizes[3] { expected.append(Float(start + d)) }
        }
      }
    }
    #expect(y.scalars(Float.self) == expected)
  }

  @Test func joiningPromotesAndSplittingUndoesIt() {
    let parts = Tensor.arange(10).view(5, 2).split(2)
    #expect(parts.map(\.shape) == [[2, 2], [2, 2], [1, 2]])
    #expect(Tensor.cat(parts).equal(Tensor.arange(10).view(5, 2)))
    #expect(Tensor.cat([Tensor([1]), Tensor([0.5])]).dtype == .float32)
    #expect(Tensor.stack([Tensor([1, 2]), Tensor([3, 4])], dim: 1).scalars(Int.self) == [1, 3, 2, 4])
    #expect(Tensor.arange(7).tensorSplit(3).map(\.elementCount) == [3, 2, 2])
    #expect(Tensor.arange(6).roll(2).scalars(Int.self) == [4, 5, 0, 1, 2, 3])
    #expect(Tensor.arange(4).view(2, 2).rot90().scalars(Int.self) == [1, 3, 0, 2])
  }

  @Test func gradientsOfMoves() throws {
    let x = Tensor.randn(3, 4, dtype: .float64)
    try gradcheck(
      { inputs in
        let x = inputs[0]
        return [
          x.t().reshape(2, 6), x.repeat(2, 1), x.flip(0, 1).tril(), x.constantPad([1, -1, 2, 0]),
          x.roll([1, 1], dims: [0, 1]),
          Tensor.cat([x, x.exp()], dim: 1), x.diagonal(offset: 1).diagEmbed(), x.expand(2, 3, 4).movedim(0, 2),
          x.repeatInterleave(Tensor([0, 2, 1]), dim: 0), Tensor.blockDiag([x, x[0]]),
        ]
      }, [x])
    let z = Tensor.randn(3, 2, dtype: .complex128)
    try gradcheck({ [$0[0].real * $0[0].imag, $0[0].viewAsReal(), $0[0].mH] }, [z])
  }

  @Test func ranges() {
    #expect(Tensor.arange(5).dtype == .int64 && Tensor.arange(5.0).dtype == .float32)
    #expect(Tensor.arange(10, 0, -3).scalars(Int.self) == [10, 7, 4, 1])
    #expect(Tensor.linspace(0, 1, 5).scalars(Double.self) == [0, 0.25, 0.5, 0.75, 1])
    #expect(Tensor.eye(2, 3).scalars(Int.self) == [1, 0, 0, 0, 1, 0])
    #expect(throws: OpError.self) { try withErrors { Tensor.arange(0, 5, -1) } }
    #expect(throws: OpError.self) { try withErrors { Tensor.arange(0, Double.infinity) } }
  }
}

@Suite struct QueryTests {
  @Test func words() {
    let x = Tensor.zeros(2, 3, dtype: .float16)
    #expect(x.numel() == 6 && x.dim() == 2 && x.size(-1) == 3 && x.byteCount == 12 && x.isFloatingPoint)
    #expect(x.long().dtype == .int64 && x.typeAs(Tensor(1)).dtype == .int64)
    #expect(Double(Tensor(2.5)) == 2.5 && Int(Tensor(2.5)) == 2 && Bool(Tensor(0)) == false)
    #expect(throws: OpError.self) { try withErrors { x.size(2) } }
    #expect(throws: OpError.self) { try withErrors { Double(x) } }
  }

  @Test func failedSplitsHaveThePiecesThatCallersTake() {
    #expect(throws: OpError.self) {
      try withErrors {
        let parts = Tensor.zeros(2, 3).view(7).chunk(3)
        let gates = parts[2].split(5)
        return gates[3] + parts[0].unbind()[2]
      }
    }
  }
}

@Suite struct SplitTests {
  @Test func piecesAreViewsOfOneNode() throws {
    let x = Tensor.randn(3, 5, dtype: .float64, requiresGrad: true)
    let parts = x.split([2, 3], dim: 1)
    #expect(parts[0].sharesStorage(with: x) && parts[0].gradFn === parts[1].gradFn)
    parts[1].sum().backward()
    #expect(x.grad!.sum(dim: 0).scalars(Int.self) == [0, 0, 3, 3, 3])
    try gradcheck({ $0[0].split(2, dim: 1) + $0[0].unbind() + $0[0].tensorSplit([3, 1]) }, [x.detached()])
    let graph = trace([x.detached()]) { inputs in inputs[0].chunk(2, dim: 1).reversed().map { $0 * 2 } }
    let replayed = graph([x.detached()])
    #expect(replayed[1].equal(x.detached()[0..., ..<3] * 2))
  }
}
