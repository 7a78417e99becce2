import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The dimensions in another order. SeeAlso: torch.permute
  public func permute(_ dims: Int...) -> Tensor { permute(dims) }

  /// The dimensions in another order. SeeAlso: torch.permute
  public func permute(_ dims: some Collection<Int>) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard dims.count == rank else {
        throw OpError("permute", "\(dims.count) dims given for a tensor of \(rank): \(Array(dims)) × \(spec)")
      }
      let order = rank == 0 ? [] : try normalizedDims(Array(dims), rank: rank, op: "permute")
      return permuted(order)
    }
  }

  func permuted(_ order: [Int]) -> Tensor {
    order.elementsEqual(0..<rank) ? self : apply(Primitives.Permute(order: order), self)
  }

  /// Two dimensions exchanged. SeeAlso: torch.transpose
  public func transpose(_ dim0: Int, _ dim1: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let a = try normalizedDim(dim0, rank: rank, op: "transpose")
      let b = try normalizedDim(dim1, rank: rank, op: "transpose")
      if a == b { return self }
      var order = Array(0..<rank)
      order.swapAt(a, b)
      return apply(Primitives.Permute(order: order), self)
    }
  }

  /// SeeAlso: torch.swapaxes
  public func swapaxes(_ axis0: Int, _ axis1: Int) -> Tensor { transpose(axis0, axis1) }
  /// SeeAlso: torch.swapdims
  public func swapdims(_ dim0: Int, _ dim1: Int) -> Tensor { transpose(dim0, dim1) }

  /// The matrix transposed; tensors of fewer dimensions are themselves. SeeAlso: torch.t
  public func t() -> Tensor {
    guard rank <= 2 else { return fail("t", "expects a tensor of at most 2 dimensions, got \(spec)", like: spec) }
    return rank < 2 ? self : permuted([1, 0])
  }

  /// All dimensions in reverse order. SeeAlso: torch.Tensor.T
  public var T: Tensor { permuted((0..<rank).reversed()) }

  /// The last two dimensions exchanged. SeeAlso: torch.Tensor.mT
  public var mT: Tensor {
    guard rank >= 2 else { return fail("mT", "expects a matrix or a batch of matrices, got \(spec)", like: spec) }
    return transpose(-2, -1)
  }

  /// The matrix conjugated and transposed. SeeAlso: torch.Tensor.H
  public var H: Tensor {
    guard rank == 2 || rank == 0 else {
      return fail("H", "expects a matrix, got \(spec); for batches of matrices use mH", like: spec)
    }
    return t().conjugated
  }

  /// The last two dimensions exchanged, elements conjugated. SeeAlso: torch.Tensor.mH
  public var mH: Tensor {
    guard rank >= 2 else { return fail("mH", "expects a matrix or a batch of matrices, got \(spec)", like: spec) }
    return transpose(-2, -1).conjugated
  }

  /// The conjugate; itself if it is real.
  var conjugated: Tensor { dtype.isComplex ? conj() : self }

  /// Dimension `source` moved to `destination`, the others in order. SeeAlso: torch.movedim
  public func movedim(_ source: Int, _ destination: Int) -> Tensor { movedim([source], [destination]) }

  /// The dimensions `source` moved to `destination`, the others in order. SeeAlso: torch.movedim
  public func movedim(_ source: some Collection<Int>, _ destination: some Collection<Int>) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard source.count == destination.count else {
        throw OpError("movedim", "\(source.count) source dims but \(destination.count) destinations")
      }
      if source.isEmpty || rank == 0 {
        for dim in Array(source) + Array(destination) { _ = try normalizedDim(dim, rank: rank, op: "movedim") }
        return self
      }
      let from = try normalizedDims(Array(source), rank: rank, op: "movedim")
      let to = try normalizedDims(Array(destination), rank: rank, op: "movedim")
      var order = [Int](repeating: -1, count: rank)
      for (a, b) in zip(from, to) { order[b] = a }
      var rest = (0..<rank).filter { !from.contains($0) }.makeIterator()
      for i in 0..<rank where order[i] < 0 { order[i] = rest.next()! }
      return permuted(order)
    }
  }

  /// SeeAlso: torch.moveaxis
  public func moveaxis(_ source: Int, _ destination: Int) -> Tensor { movedim(source, destination) }
}

extension Primitives {
  /// The dimensions in another order.
  package struct Permute: ViewPrimitive {
    package static let name = "permute"
    package let order: [Int]

    package func layout(of input: Layout) throws(OpError) -> Layout { input.permuted(order) }

    package var attributes: [(String, String)] { [("dims", order.description)] }

    package var gradient: Gradient {
      var inverse = order
      for (i, dim) in order.enumerated() { inverse[dim] = i }
      return .pullback(keeps: .nothing) { [inverse] cotangents, _ in [cotangents[0]?.permuted(inverse)] }
    }
  }
}
