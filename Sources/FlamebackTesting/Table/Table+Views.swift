import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let views: [String: Entry] = shapes.merging(parts) { first, _ in first }
    .merging(joined) { first, _ in first }

  private static let shapes: [String: Entry] = [
    "Tensor.view": { call in
      if let dtype = try? call.optionalDType(1, "dtype") { return .tensor(try call.tensor(0, "input").view(dtype)) }
      return .tensor(try call.tensor(0, "input").view(try call.sizes(1, "size")))
    },
    "view_copy": { call in
      if let dtype = try? call.optionalDType(1, "dtype") { return .tensor(try call.tensor(0, "input").view(dtype)) }
      return .tensor(try call.tensor(0, "input").reshape(try call.sizes(1, "size")))
    },
    "reshape": { call in .tensor(try call.tensor(0, "input").reshape(try call.sizes(1, "shape"))) },
    "Tensor.view_as": { call in .tensor(try call.tensor(0, "input").viewAs(try call.tensor(1, "other"))) },
    "Tensor.reshape_as": { call in .tensor(try call.tensor(0, "input").reshapeAs(try call.tensor(1, "other"))) },
    "ravel": unary { $0.ravel() },
    "flatten": { call in
      .tensor(
        try call.tensor(0, "input").flatten(
          startDim: try call.int(1, "start_dim", default: 0), endDim: try call.int(2, "end_dim", default: -1)))
    },
    "unflatten": { call in
      .tensor(try call.tensor(0, "input").unflatten(try call.int(1, "dim"), try call.ints(2, "sizes")))
    },
    "squeeze": squeeze, "squeeze_copy": squeeze,
    "unsqueeze": { call in .tensor(try call.tensor(0, "input").unsqueeze(try call.int(1, "dim"))) },
    "unsqueeze_copy": { call in .tensor(try call.tensor(0, "input").unsqueeze(try call.int(1, "dim"))) },
    "atleast_1d": each { $0.atLeast1d() }, "atleast_2d": each { $0.atLeast2d() },
    "atleast_3d": each { $0.atLeast3d() },
    "transpose": transpose, "transpose_copy": transpose, "swapaxes": transpose, "swapdims": transpose,
    "t": unary { $0.t() }, "t_copy": unary { $0.t() },
    "Tensor.T": unary { $0.T }, "Tensor.mT": unary { $0.mT }, "Tensor.H": unary { $0.H }, "Tensor.mH": unary { $0.mH },
    "adjoint": unary { $0.mH },
    "permute": { call in .tensor(try call.tensor(0, "input").permute(try call.sizes(1, "dims"))) },
    "permute_copy": { call in .tensor(try call.tensor(0, "input").permute(try call.sizes(1, "dims"))) },
    "movedim": movedim, "moveaxis": movedim,
    "expand": { call in .tensor(try call.tensor(0, "input").expand(try call.sizes(1, "size"))) },
    "expand_copy": { call in .tensor(try call.tensor(0, "input").expand(try call.sizes(1, "size"))) },
    "Tensor.expand_as": { call in .tensor(try call.tensor(0, "input").expandAs(try call.tensor(1, "other"))) },
    "broadcast_to": { call in .tensor(try call.tensor(0, "input").broadcastTo(try call.sizes(1, "size"))) },
    "broadcast_tensors": { call in .tensors(Tensor.broadcastTensors(try call.tensorsOrRest(0, "tensors"))) },
    "broadcast_shapes": { call in
      let shapes = try (0..<call.positionalCount).map { try call.ints($0, "shapes") }
      return try withErrors {
        .ints(shapes.reduce([]) { broadcastShapes($0, $1) })
      }
    },
    "view_as_real": unary { $0.viewAsReal() }, "view_as_complex": unary { $0.viewAsComplex() },
    "view_as_real_copy": unary { $0.viewAsReal() }, "view_as_complex_copy": unary { $0.viewAsComplex() },
    "real": unary { $0.real }, "imag": unary { $0.imag },
    "detach": unary { $0.detached() }, "detach_copy": unary { $0.detached() },
    "alias_copy": unary { $0.clone() },
  ]

  private static let parts: [String: Entry] = [
    "narrow": narrow, "narrow_copy": narrow,
    "select": { call in
      .tensor(try call.tensor(0, "input").select(dim: try call.int(1, "dim"), index: try call.int(2, "index")))
    },
    "slice_scatter": { call in
      .tensor(
        try call.tensor(0, "input").sliceScatter(
          try call.tensor(1, "src"), dim: try call.int(2, "dim", default: 0), start: try call.optionalInt(3, "start"),
          end: try call.optionalInt(4, "end"), step: try call.int(5, "step", default: 1)))
    },
    "select_scatter": { call in
      .tensor(
        try call.tensor(0, "input").selectScatter(
          try call.tensor(1, "src"), dim: try call.int(2, "dim"), index: try call.int(3, "index")))
    },
    "diagonal": { call in try diagonal(call, 0, 1) }, "diagonal_copy": { call in try diagonal(call, 0, 1) },
    "linalg.diagonal": { call in try diagonal(call, -2, -1) },
    "diagonal_scatter": { call in
      .tensor(
        try call.tensor(0, "input").diagonalScatter(
          try call.tensor(1, "src"), offset: try call.int(2, "offset", default: 0),
          dim1: try call.int(3, "dim1", default: 0), dim2: try call.int(4, "dim2", default: 1)))
    },
    "Tensor.unfold": unfold, "unfold_copy": unfold,
    "as_strided": asStrided, "as_strided_copy": asStrided,
    "as_strided_scatter": { call in
      .tensor(
        try call.tensor(0, "input").asStridedScatter(
          try call.tensor(1, "src"), try call.ints(2, "size"), try call.ints(3, "stride"),
          storageOffset: try call.optionalInt(4, "storage_offset")))
    },
    "unbind": { call in .tensors(try call.tensor(0, "input").unbind(dim: try call.int(1, "dim", default: 0))) },
    "unbind_copy": { call in .tensors(try call.tensor(0, "input").unbind(dim: try call.int(1, "dim", default: 0))) },
    "split": { call in
      let x = try call.tensor(0, "input")
      let dim = try call.int(2, "dim", default: 0)
      let name = call.has(nil, "split_size") ? "split_size" : "split_size_or_sections"
      return .tensors(
        call.isSequence(1, name)
          ? x.split(try call.ints(1, name), dim: dim) : x.split(try call.int(1, name), dim: dim))
    },
    "split_with_sizes": splitWithSizes, "split_with_sizes_copy": splitWithSizes,
    "chunk": { call in
      .tensors(try call.tensor(0, "input").chunk(try call.int(1, "chunks"), dim: try call.int(2, "dim", default: 0)))
    },
    "unsafe_chunk": { call in
      .tensors(try call.tensor(0, "input").chunk(try call.int(1, "chunks"), dim: try call.int(2, "dim", default: 0)))
    },
    "unsafe_split": { call in
      .tensors(
        try call.tensor(0, "input").split(try call.int(1, "split_size"), dim: try call.int(2, "dim", default: 0)))
    },
    "tensor_split": { call in
      let x = try call.tensor(0, "input")
      let dim = try call.int(2, "dim", default: 0)
      let name = call.has(nil, "indices") ? "indices" : call.has(nil, "sections") ? "sections" : "indices_or_sections"
      if call.isTensor(1, name) { return .tensors(x.tensorSplit(try call.tensor(1, name), dim: dim)) }
      return .tensors(
        call.isSequence(1, name)
          ? x.tensorSplit(try call.ints(1, name), dim: dim) : x.tensorSplit(try call.int(1, name), dim: dim))
    },
    "hsplit": splitAlong({ $0.hsplit($1) }, { $0.hsplit($1) }),
    "vsplit": splitAlong({ $0.vsplit($1) }, { $0.vsplit($1) }),
    "dsplit": splitAlong({ $0.dsplit($1) }, { $0.dsplit($1) }),
  ]

  private static let joined: [String: Entry] = [
    "cat": cat, "concat": cat, "concatenate": cat,
    "stack": { call in
      .tensor(Tensor.stack(try call.tensors(0, "tensors"), dim: try call.int(1, "dim", default: 0)))
    },
    "hstack": { call in .tensor(Tensor.hstack(try call.tensors(0, "tensors"))) },
    "vstack": { call in .tensor(Tensor.vstack(try call.tensors(0, "tensors"))) },
    "row_stack": { call in .tensor(Tensor.vstack(try call.tensors(0, "tensors"))) },
    "dstack": { call in .tensor(Tensor.dstack(try call.tensors(0, "tensors"))) },
    "column_stack": { call in .tensor(Tensor.columnStack(try call.tensors(0, "tensors"))) },
    "Tensor.repeat": { call in .tensor(try call.tensor(0, "input").repeat(try call.sizes(1, "repeats"))) },
    "tile": { call in .tensor(try call.tensor(0, "input").tile(try call.sizes(1, "dims"))) },
    "repeat_interleave": { call in
      let x = try call.tensor(0, "input")
      let dim = try call.optionalInt(2, "dim")
      _ = try call.optionalInt(nil, "output_size")
      if call.isTensor(1, "repeats") {
        return .tensor(x.repeatInterleave(try call.tensor(1, "repeats"), dim: dim))
      }
      return .tensor(x.repeatInterleave(try call.int(1, "repeats"), dim: dim))
    },
    "roll": { call in
      .tensor(
        try call.tensor(0, "input").roll(try call.ints(1, "shifts"), dims: try call.ints(2, "dims", default: [])))
    },
    "flip": { call in .tensor(try call.tensor(0, "input").flip(try call.sizes(1, "dims"))) },
    "fliplr": unary { $0.fliplr() }, "flipud": unary { $0.flipud() },
    "rot90": { call in
      .tensor(
        try call.tensor(0, "input").rot90(
          try call.int(1, "k", default: 1), dims: try call.ints(2, "dims", default: [0, 1])))
    },
    "tril": { call in .tensor(try call.tensor(0, "input").tril(try call.int(1, "diagonal", default: 0))) },
    "triu": { call in .tensor(try call.tensor(0, "input").triu(try call.int(1, "diagonal", default: 0))) },
    "diag": { call in .tensor(try call.tensor(0, "input").diag(try call.int(1, "diagonal", default: 0))) },
    "diagflat": { call in .tensor(try call.tensor(0, "input").diagflat(try call.int(1, "offset", default: 0))) },
    "diag_embed": { call in
      .tensor(
        try call.tensor(0, "input").diagEmbed(
          offset: try call.int(1, "offset", default: 0), dim1: try call.int(2, "dim1", default: -2),
          dim2: try call.int(3, "dim2", default: -1)))
    },
    "meshgrid": { call in
      let indexing = try call.string(nil, "indexing", default: "ij")
      guard let indexing = MeshIndexing(rawValue: indexing) else { throw CallError("indexing must be ij or xy") }
      return .tensors(Tensor.meshgrid(try call.tensorsOrRest(0, "tensors"), indexing: indexing))
    },
    "cartesian_prod": { call in .tensor(Tensor.cartesianProd(try call.tensorsOrRest(0, "tensors"))) },
    "combinations": { call in
      .tensor(
        try call.tensor(0, "input").combinations(
          try call.int(1, "r", default: 2), withReplacement: try call.bool(2, "with_replacement")))
    },
    "constant_pad_nd": { call in
      .tensor(
        try call.tensor(0, "input").constantPad(try call.ints(1, "pad"), value: try call.scalar(2, "value", default: 0))
      )
    },
    "fill_diagonal": { call in
      .tensor(
        try call.tensor(0, "input").fillDiagonal(try call.scalar(1, "fill_value"), wrap: try call.bool(2, "wrap")))
    },
    "block_diag": { call in .tensor(Tensor.blockDiag(try call.tensorsOrRest(0, "tensors"))) },
  ]

  private static func squeeze(_ call: Call) throws -> Value {
    let x = try call.tensor(0, "input")
    guard let dims = try call.optionalInts(1, "dim") else { return .tensor(x.squeeze()) }
    return .tensor(x.squeeze(dims))
  }

  private static func each(_ body: @escaping @Sendable (Tensor) -> Tensor) -> Entry {
    { call in
      if call.positionalCount == 1, let one = call.peek(0, "input")?.tensor {
        _ = try call.tensor(0, "input")
        return .tensor(body(one))
      }
      return .tensors(try call.tensorsOrRest(0, "tensors").map(body))
    }
  }

  private static func transpose(_ call: Call) throws -> Value {
    let first = call.has(nil, "axis0") ? "axis0" : "dim0"
    let second = call.has(nil, "axis1") ? "axis1" : "dim1"
    return .tensor(try call.tensor(0, "input").transpose(try call.int(1, first), try call.int(2, second)))
  }

  private static func movedim(_ call: Call) throws -> Value {
    .tensor(try call.tensor(0, "input").movedim(try call.ints(1, "source"), try call.ints(2, "destination")))
  }

  private static func narrow(_ call: Call) throws -> Value {
    let x = try call.tensor(0, "input")
    let (dim, length) = (try call.int(1, "dim"), try call.int(3, "length"))
    if call.isTensor(2, "start") {
      return .tensor(x.narrow(dim: dim, start: try call.tensor(2, "start"), length: length))
    }
    return .tensor(x.narrow(dim: dim, start: try call.int(2, "start"), length: length))
  }

  private static func diagonal(_ call: Call, _ dim1: Int, _ dim2: Int) throws -> Value {
    .tensor(
      try call.tensor(0, "input").diagonal(
        offset: try call.int(1, "offset", default: 0), dim1: try call.int(2, "dim1", default: dim1),
        dim2: try call.int(3, "dim2", default: dim2)))
  }

  private static func unfold(_ call: Call) throws -> Value {
    .tensor(
      try call.tensor(0, "input").unfold(
        dim: try call.int(1, "dimension"), size: try call.int(2, "size"), step: try call.int(3, "step")))
  }

  private static func asStrided(_ call: Call) throws -> Value {
    .tensor(
      try call.tensor(0, "input").asStrided(
        try call.ints(1, "size"), try call.ints(2, "stride"), storageOffset: try call.optionalInt(3, "storage_offset")))
  }

  private static func splitWithSizes(_ call: Call) throws -> Value {
    .tensors(
      try call.tensor(0, "input").splitWithSizes(
        try call.ints(1, "split_sizes"), dim: try call.int(2, "dim", default: 0)))
  }

  private static func splitAlong(
    _ sections: @escaping @Sendable (Tensor, Int) -> [Tensor],
    _ indices: @escaping @Sendable (Tensor, [Int]) -> [Tensor]
  ) -> Entry {
    { call in
      let x = try call.tensor(0, "input")
      let name = call.has(nil, "indices") ? "indices" : call.has(nil, "sections") ? "sections" : "indices_or_sections"
      return .tensors(
        call.isSequence(1, name) ? indices(x, try call.ints(1, name)) : sections(x, try call.int(1, name)))
    }
  }

  private static func cat(_ call: Call) throws -> Value {
    .tensor(Tensor.cat(try call.tensors(0, "tensors"), dim: try call.int(1, "dim", default: 0)))
  }
}
