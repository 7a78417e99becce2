import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The order of the elements reversed along `dims`. SeeAlso: torch.flip
  public func flip(_ dims: Int...) -> Tensor { flip(dims) }

  /// The order of the elements reversed along `dims`. SeeAlso: torch.flip
  public func flip(_ dims: some Collection<Int>) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let dims = dims.isEmpty ? [] : try normalizedDims(Array(dims), rank: rank, op: "flip")
      return apply(Primitives.Flip(dims: dims), self)
    }
  }

  /// Left and right exchanged (dim 1). SeeAlso: torch.fliplr
  public func fliplr() -> Tensor {
    rank < 2 ? fail("fliplr", "needs at least 2 dimensions, got \(spec)", like: spec) : flip(1)
  }

  /// Top and bottom exchanged (dim 0). SeeAlso: torch.flipud
  public func flipud() -> Tensor {
    rank < 1 ? fail("flipud", "needs at least 1 dimension, got \(spec)", like: spec) : flip(0)
  }

  /// Turned by `k` quarters from the first towards the second of `dims`. SeeAlso: torch.rot90
  public func rot90(_ k: Int = 1, dims: [Int] = [0, 1]) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard dims.count == 2, rank >= 2 else {
        throw OpError("rot90", "needs 2 dims and a tensor of at least 2 dimensions: \(dims) × \(spec)")
      }
      let a = try normalizedDim(dims[0], rank: rank, op: "rot90")
      let b = try normalizedDim(dims[1], rank: rank, op: "rot90")
      guard a != b else { throw OpError("rot90", "the dims must differ: \(dims)") }
      switch ((k % 4) + 4) % 4 {
      case 1: return flip(b).transpose(a, b)
      case 2: return flip(a, b)
      case 3: return flip(a).transpose(a, b)
      default: return clone()
      }
    }
  }

  /// The elements moved by `shifts` along `dims`, those that leave coming in again at the other end; without dims along
  /// the flattened tensor. SeeAlso: torch.roll
  public func roll(_ shifts: [Int], dims: [Int] = []) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      if dims.isEmpty && shifts.count == 1 { return reshape(-1).roll(shifts, dims: [0]).reshaped(shape) }
      guard shifts.count == dims.count, !shifts.isEmpty else {
        throw OpError("roll", "\(shifts.count) shifts for \(dims.count) dims")
      }
      guard rank > 0 else { throw OpError("roll", "dims \(dims) are given but the tensor has no dimensions") }
      var result = self
      for (shift, dim) in zip(shifts, dims) {
        let d = try normalizedDim(dim, rank: rank, op: "roll")
        let size = rank == 0 ? 0 : shape[d]
        // −shift, without the number that has no negative.
        let cut = size == 0 ? 0 : (size - (shift % size + size) % size) % size
        if cut == 0 { continue }
        result = Tensor.cat([result.sliced(d, cut, size - cut, 1), result.sliced(d, 0, cut, 1)], dim: d)
      }
      return result
    }
  }

  /// The elements moved by `shift` along `dim`, or along the flattened tensor. SeeAlso: torch.roll
  public func roll(_ shift: Int, dim: Int? = nil) -> Tensor { roll([shift], dims: dim.map { [$0] } ?? []) }
}

extension Primitives {
  /// The elements in reverse order along some dimensions.
  package struct Flip: Primitive {
    package static let name = "flip"
    package let dims: [Int]

    package var families: DType.Family { .all }
    package var acceptsStrides: Bool { true }
    package var attributes: [(String, String)] { [("dims", dims.description)] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { inputs }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      if x.elementCount == 0 { return }
      var start = 0
      var strides = x.strides
      for d in dims {
        start += (x.shape[d] - 1) * strides[d]
        strides[d] = -strides[d]
      }
      Strided.copy(
        x.pointer + start * x.dtype.byteSize, x.dtype, strides, to: outputs[0].pointer, x.dtype, nil, over: x.shape)
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      var x = inputs[0]
      for d in dims {
        let backwards = Tensor.arange(x.shape[d], device: x.device).neg() + (x.shape[d] - 1)
        x = x.indexSelect(dim: d, index: backwards)
      }
      return [x]
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [self] cotangents, _ in [cotangents[0].map { apply(self, $0) }] }
    }
  }
}
