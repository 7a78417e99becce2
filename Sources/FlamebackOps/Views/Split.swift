import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Pieces of `size` along `dim`, the last one perhaps smaller. SeeAlso: torch.split
  public func split(_ size: Int, dim: Int = 0) -> [Tensor] {
    pieces("split", dim) { (n) throws(OpError) in
      guard size >= 0 else { throw OpError("split", "the size of a piece must not be negative, got \(size)") }
      guard size > 0 || n == 0 else { throw OpError("split", "the size of a piece can only be 0 in a dim of size 0") }
      if n == 0 { return [0..<0] }
      let size = Swift.min(size, n)
      return stride(from: 0, to: n, by: size).map { $0..<Swift.min($0 + size, n) }
    }
  }

  /// Pieces of these sizes along `dim`. SeeAlso: torch.split
  public func split(_ sizes: [Int], dim: Int = 0) -> [Tensor] {
    pieces("split", dim, count: sizes.count) { (n) throws(OpError) in
      guard sizes.allSatisfy({ $0 >= 0 }), CheckedInt.sum(sizes).value == n else {
        throw OpError("split", "sizes \(sizes) must sum exactly to \(n), the size of dim \(dim) of \(spec)")
      }
      var start = 0
      return sizes.map { size in
        start += size
        return (start - size)..<start
      }
    }
  }

  /// SeeAlso: torch.split_with_sizes
  public func splitWithSizes(_ sizes: [Int], dim: Int = 0) -> [Tensor] { split(sizes, dim: dim) }

  /// At most `chunks` pieces of equal size along `dim`, the last one perhaps smaller. SeeAlso: torch.chunk
  public func chunk(_ chunks: Int, dim: Int = 0) -> [Tensor] {
    pieces("chunk", dim, count: chunks) { (n) throws(OpError) in
      guard chunks > 0 else { throw OpError("chunk", "expected more than 0 chunks, got \(chunks)") }
      if n == 0 { return Array(repeating: 0..<0, count: try pieceCount("chunk", chunks)) }
      let size = n / chunks + (n % chunks == 0 ? 0 : 1)
      return stride(from: 0, to: n, by: size).map { $0..<Swift.min($0 + size, n) }
    }
  }

  /// `sections` pieces along `dim`, the first ones larger by one where the size does not divide.
  /// SeeAlso: torch.tensor_split
  public func tensorSplit(_ sections: Int, dim: Int = 0) -> [Tensor] {
    pieces("tensorSplit", dim, count: sections) { (n) throws(OpError) in
      guard sections > 0 else { throw OpError("tensorSplit", "expected more than 0 sections, got \(sections)") }
      let sections = try pieceCount("tensorSplit", sections)
      let (small, larger) = n.quotientAndRemainder(dividingBy: sections)
      return (0..<sections).map { i in
        let start = i * small + Swift.min(i, larger)
        return start..<(start + small + (i < larger ? 1 : 0))
      }
    }
  }

  /// Pieces along `dim` cut at `indices`. SeeAlso: torch.tensor_split
  public func tensorSplit(_ indices: [Int], dim: Int = 0) -> [Tensor] {
    pieces("tensorSplit", dim, count: indices.count + 1) { (n) throws(OpError) in
      func clamp(_ i: Int) -> Int { Swift.min(Swift.max(i < 0 ? Swift.max(i, -n) + n : i, 0), n) }
      let starts = [0] + indices.map(clamp)
      let ends = indices.map(clamp) + [n]
      return zip(starts, ends).map { $0..<Swift.max($0, $1) }
    }
  }

  /// `tensorSplit` at the numbers of an integer tensor on the host: 0-d counts sections, 1-d lists indices.
  public func tensorSplit(_ indicesOrSections: Tensor, dim: Int = 0) -> [Tensor] {
    guard indicesOrSections.dtype == .int64, indicesOrSections.rank <= 1 else {
      report(OpError("tensorSplit", "expected a 0-d or 1-d int64 tensor, got \(indicesOrSections.spec)"))
      return [self]
    }
    return indicesOrSections.rank == 0
      ? tensorSplit(indicesOrSections.itemInt(), dim: dim) : tensorSplit(indicesOrSections.scalars(Int.self), dim: dim)
  }

  /// Equal pieces along columns (dim 1; dim 0 of a vector). SeeAlso: torch.hsplit
  public func hsplit(_ sections: Int) -> [Tensor] { evenSplit("hsplit", rank == 1 ? 0 : 1, atLeast: 1, sections) }
  /// Pieces along columns cut at `indices`. SeeAlso: torch.hsplit
  public func hsplit(_ indices: [Int]) -> [Tensor] { cut("hsplit", rank == 1 ? 0 : 1, atLeast: 1, indices) }
  /// Equal pieces along rows. SeeAlso: torch.vsplit
  public func vsplit(_ sections: Int) -> [Tensor] { evenSplit("vsplit", 0, atLeast: 2, sections) }
  /// Pieces along rows cut at `indices`. SeeAlso: torch.vsplit
  public func vsplit(_ indices: [Int]) -> [Tensor] { cut("vsplit", 0, atLeast: 2, indices) }
  /// Equal pieces along dim 2. SeeAlso: torch.dsplit
  public func dsplit(_ sections: Int) -> [Tensor] { evenSplit("dsplit", 2, atLeast: 3, sections) }
  /// Pieces along dim 2 cut at `indices`. SeeAlso: torch.dsplit
  public func dsplit(_ indices: [Int]) -> [Tensor] { cut("dsplit", 2, atLeast: 3, indices) }

  private func evenSplit(_ op: String, _ dim: Int, atLeast: Int, _ sections: Int) -> [Tensor] {
    if isPoisoned { return standIns(sections) }
    guard rank >= atLeast, sections > 0, shape[dim] % sections == 0 else {
      report(
        OpError(op, "needs at least \(atLeast) dims and a size of dim \(dim) divisible by \(sections), got \(spec)"))
      return standIns(sections)
    }
    return tensorSplit(sections, dim: dim)
  }

  private func cut(_ op: String, _ dim: Int, atLeast: Int, _ indices: [Int]) -> [Tensor] {
    if isPoisoned { return standIns(indices.count + 1) }
    guard rank >= atLeast else {
      report(OpError(op, "needs a tensor of at least \(atLeast) dims, got \(spec)"))
      return standIns(indices.count + 1)
    }
    return tensorSplit(indices, dim: dim)
  }

  private func pieces(
    _ op: String, _ dim: Int, count: Int? = nil, _ ranges: (Int) throws(OpError) -> [Range<Int>]
  ) -> [Tensor] {
    if isPoisoned { return standIns(count) }
    return attempt(standIns(count)) { () throws(OpError) in
      guard rank > 0 else { throw OpError(op, "cannot be applied to a 0-d tensor") }
      let d = try normalizedDim(dim, rank: rank, op: op)
      let parts = try ranges(shape[d])
      if parts.count == 1, parts[0].count == shape[d] { return [self] }
      let cover = zip(parts, parts.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound }
      guard cover, parts.first?.lowerBound == 0, parts.last?.upperBound == shape[d] else {
        return parts.map { sliced(d, $0.lowerBound, $0.count, 1) }
      }
      return apply(Primitives.Split(dim: d, sizes: parts.map(\.count)), [self])
    }
  }

  /// So many pieces; throws where the list of them would not fit into memory.
  private func pieceCount(_ op: String, _ count: Int) throws(OpError) -> Int {
    guard count < 1 << 28 else { throw OpError(op, "\(count) pieces are too many: \(spec)") }
    return count
  }

  /// What a failed split returns: as many poisoned pieces as the caller expects, or more than it will ask for.
  func standIns(_ count: Int?) -> [Tensor] {
    Array(repeating: isPoisoned ? self : .poisoned(spec), count: Swift.min(Swift.max(count ?? 64, 1), 1 << 20))
  }
}

extension Primitives {
  /// A dimension cut into neighbouring pieces: one node of the graph, whose gradient joins those of the pieces.
  package struct Split: Primitive {
    package static let name = "split"
    package let dim: Int
    package let sizes: [Int]
    package var outputCount: Int { sizes.count }

    package var families: DType.Family { .all }
    package var attributes: [(String, String)] { [("dim", "\(dim)"), ("sizes", sizes.description)] }

    package func aliases(of layout: Layout, _ dtype: DType) throws(OpError) -> Aliases {
      var start = 0
      var views: [Layout] = []
      for size in sizes {
        views.append(try Primitives.Slice(dim: dim, start: start, length: size, step: 1).layout(of: layout))
        start += size
      }
      return .several(views)
    }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      sizes.map { size in
        var spec = inputs[0]
        spec.shape[dim] = size
        return spec
      }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      throw OpError(name, "is a view and has no kernel")
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [dim] cotangents, saved in
        [Tensor.reunited(filled(cotangents, saved), dim: dim)]
      }
    }
  }
}

extension Primitives {
  /// All slices along a dimension: one node, whose gradient stacks those of the slices.
  package struct Unbind: Primitive {
    package static let name = "unbind"
    package let dim: Int
    package let count: Int
    package var outputCount: Int { count }

    package var families: DType.Family { .all }
    package var attributes: [(String, String)] { [("dim", "\(dim)")] }

    package func aliases(of layout: Layout, _ dtype: DType) throws(OpError) -> Aliases {
      var views: [Layout] = []
      for i in 0..<count { views.append(try Primitives.Select(dim: dim, index: i).layout(of: layout)) }
      return .several(views)
    }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      var spec = inputs[0]
      spec.shape.remove(at: dim)
      return Array(repeating: spec, count: count)
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      throw OpError(name, "is a view and has no kernel")
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [dim] cotangents, saved in
        [Tensor.reunited(filled(cotangents, saved).map { $0.unsqueeze(dim) }, dim: dim)]
      }
    }
  }
}

/// The gradients of several outputs, zeros where nothing came back.
private func filled(_ cotangents: [Tensor?], _ saved: Saved) -> [Tensor] {
  cotangents.enumerated().map { i, cotangent in
    let spec = saved.outputSpec(i)
    return cotangent ?? Tensor.zeros(spec.shape, dtype: spec.dtype, device: spec.device)
  }
}

extension Tensor {
  /// The parts side by side along `dim`: a view where they already lie so in memory and nobody writes down what is done
  /// with them, as the gradients of attention do.
  fileprivate static func reunited(_ parts: [Tensor], dim: Int) -> Tensor {
    guard !Context.isTracing, parts.count > 1, let first = parts.first?.layout, first.shape[dim] > 0,
      parts.allSatisfy({ $0.sharesStorage(with: parts[0]) && !$0.requiresGrad })
    else { return cat(parts, dim: dim) }
    let (stride, rest) = (parts[1].storageOffset - first.offset).quotientAndRemainder(dividingBy: first.shape[dim])
    var whole = first
    whole.shape[dim] = 0
    whole.strides[dim] = stride
    for layout in parts.lazy.map(\.layout) {
      let isNext = rest == 0 && stride > 0 && layout.offset == first.offset + whole.shape[dim] * stride
      let fits = first.shape.indices.allSatisfy { d in
        layout.shape[d] == 1 || layout.strides[d] == whole.strides[d]
      }
      guard isNext, fits else { return cat(parts, dim: dim) }
      whole.shape[dim] += layout.shape[dim]
    }
    return parts[0].aliased(whole)
  }
}
