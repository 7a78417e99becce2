import Flameback
import FlamebackKernels

extension PlainArray {
  /// The unit matrix.
  static func identity(_ n: Int) -> PlainArray { PlainArray([n, n]) { $0[0] == $0[1] ? 1 : 0 } }

  var transposed: PlainArray { permuted(Array(0..<(rank - 2)) + [rank - 1, rank - 2]) }

  /// The matrices of a batch, one by one.
  func eachMatrix(_ body: (PlainArray) -> PlainArray) -> PlainArray {
    let matrix = Array(shape.suffix(2))
    let size = matrix.reduce(1, *)
    let batch = Array(shape.dropLast(2))
    let results = (0..<batch.reduce(1, *)).map {
      body(PlainArray(matrix, Array(values[($0 * size)..<(($0 + 1) * size)])))
    }
    return PlainArray(batch + (results.first?.shape ?? matrix), results.flatMap(\.values))
  }

  func plus(_ factor: Double, _ other: PlainArray) -> PlainArray {
    PlainArray.broadcast([self, other]) { $0[0] + factor * $0[1] }
  }

  /// Gauss and Jordan with the largest pivot.
  var inverted: PlainArray {
    eachMatrix { matrix in
      let n = matrix.shape[0]
      var a = matrix
      var b = PlainArray.identity(n)
      for c in 0..<n {
        let pivot = (c..<n).max { abs(a[$0, c]) < abs(a[$1, c]) }!
        for j in 0..<n {
          (a[c, j], a[pivot, j]) = (a[pivot, j], a[c, j])
          (b[c, j], b[pivot, j]) = (b[pivot, j], b[c, j])
        }
        for i in 0..<n where i != c {
          let factor = a[i, c] / a[c, c]
          for j in 0..<n {
            a[i, j] -= factor * a[c, j]
            b[i, j] -= factor * b[c, j]
          }
        }
      }
      return PlainArray([n, n]) { b[$0] / a[$0[0], $0[0]] }
    }
  }

  /// The lower factor of a positive-definite matrix.
  var choleskyFactor: PlainArray {
    eachMatrix { a in
      let n = a.shape[0]
      var l = PlainArray([n, n], [Double](repeating: 0, count: n * n))
      for j in 0..<n {
        for i in j..<n {
          let rest = (0..<j).reduce(a[i, j]) { $0 - l[i, $1] * l[j, $1] }
          l[i, j] = i == j ? rest.squareRoot() : rest / l[j, j]
        }
      }
      return l
    }
  }
}

extension OpRecord {
  private static let lapack: [DType] = [.float32, .float64, .complex64, .complex128]
  private static let squares = [[1, 1], [3, 3], [2, 3, 3], [0, 0], [0, 2, 2]]

  /// Far from singular: 4 and small numbers beside the diagonal.
  private static func regular(_ x: Tensor) -> Tensor {
    x * 0.5 + Tensor.eye(x.shape[x.rank - 1], dtype: x.dtype).to(x.device) * 4
  }
  private static func regular(_ x: PlainArray) -> PlainArray {
    x.map { $0 * 0.5 }.plus(4, .identity(x.shape[x.rank - 1]))
  }

  /// Positive-definite.
  private static func definite(_ x: Tensor) -> Tensor {
    x.matmul(x.mH) + Tensor.eye(x.shape[x.rank - 2], dtype: x.dtype).to(x.device) * 2
  }
  private static func definite(_ x: PlainArray) -> PlainArray {
    product(x, x.transposed).plus(2, .identity(x.shape[x.rank - 2]))
  }

  /// A record of functions of square matrices, and of a right-hand side if there is one.
  private static func matrices(
    _ name: String, covers: [String]? = nil, shapes: [[Int]] = squares, rightHandSide: Bool = false,
    order: Order = .twice, tolerance: Double = 20, _ run: @escaping @Sendable ([Tensor]) -> [Tensor],
    _ reference: @escaping @Sendable ([PlainArray]) -> [PlainArray]
  ) -> OpRecord {
    let samples = shapes.map { shape in
      OpSample(
        [SampleInput(shape, .uniform(-1...1))]
          + (rightHandSide ? [SampleInput(Array(shape.dropLast()) + [2], .uniform(-1...1))] : []),
        run, reference: reference)
    }
    return OpRecord(name, covers: covers, lapack, samples: samples).with {
      $0.order = order
      $0.tolerance = tolerance
    }
  }

  static let linalg = factors + solvers + spectra

  private static let factors: [OpRecord] = [
    matrices("cholesky", { [definite($0[0]).cholesky()] }, { [definite($0[0]).choleskyFactor] }).with {
      $0.failures = [
        Failure("[cholesky] expected square matrices") { [Tensor.ones([2, 3]).cholesky()] },
        Failure("[cholesky] the input is not positive-definite") { [(-Tensor.eye(2)).cholesky()] },
      ]
    },
    matrices(
      "cholesky", { [definite($0[0]).cholesky(upper: true)] }, { [definite($0[0]).choleskyFactor.transposed] }),
    // Whatever the signs of Q's columns, the product is the matrix.
    matrices(
      "qr", shapes: [[3, 3], [4, 2], [2, 4], [2, 3, 2]],
      { inputs in
        let (q, r) = inputs[0].qr()
        return [q.matmul(r), q, r]
      }, { [$0[0]] }
    ).with { $0.canRepeat = false },
    matrices(
      "geqrf", shapes: [[3, 3], [4, 2]], order: .none,
      { inputs in
        let (h, tau) = inputs[0].geqrf()
        return [h.householderProduct(tau).matmul(h.narrow(dim: 0, start: 0, length: h.shape[1]).triu())]
      }, { [$0[0]] }),
    OpRecord(
      "householderProduct", covers: ["householderProduct", "ormqr"], lapack,
      samples: [[3, 3], [4, 2]].map { shape in
        OpSample(
          [SampleInput(shape), SampleInput([shape[1]], .uniform(0.2...1.5)), SampleInput([2, shape[0]])]
        ) { x in
          [x[0].householderProduct(x[1]), x[0].ormqr(x[1], x[2], left: false)]
        } reference: { x in
          let (n, k) = (shape[0], shape[1])
          var q = PlainArray.identity(n)
          for j in 0..<k {
            let v = PlainArray([n, 1]) { $0[0] < j ? 0 : $0[0] == j ? 1 : x[0][$0[0], j] }
            q = q.plus(-x[1][j], product(q, product(v, v.transposed)))
          }
          return [PlainArray([n, k]) { q[$0] }, product(x[2], q)]
        }
      }
    ).with { $0.tolerance = 20 },
    matrices(
      "luFactor", covers: ["luFactor", "pivotsToPermutation"],
      shapes: [[1, 1], [3, 3], [2, 3, 3], [3, 2], [2, 3]],
      { inputs in
        let (rows, columns) = (inputs[0].shape[inputs[0].rank - 2], inputs[0].shape[inputs[0].rank - 1])
        let a = inputs[0] + Tensor.eye(rows, columns, dtype: inputs[0].dtype).to(inputs[0].device) * 4
        let (lu, pivots) = a.luFactor()
        let (p, l, u) = lu.luUnpack(pivots)
        return [p.matmul(l).matmul(u), l, u]
      }, { x in [x[0].plus(4, PlainArray(Array(x[0].shape.suffix(2))) { $0[0] == $0[1] ? 1 : 0 })] }),
    matrices(
      "ldlFactor", covers: ["ldlFactor", "ldlSolve"], shapes: [[1, 1], [3, 3], [2, 3, 3]], order: .none,
      { inputs in
        let a = definite(inputs[0])
        let (ld, pivots) = a.ldlFactor()
        return [ld.ldlSolve(pivots, Tensor.ones(Array(a.shape.dropLast()) + [1], dtype: a.dtype).to(a.device))]
      }, { x in [definite(x[0]).inverted.reduced([-1], keepDim: true) { $0.reduce(0, +) }] }),
    // Only the right-hand side has a gradient.
    OpRecord(
      "ldlSolve", lapack,
      samples: [
        OpSample([SampleInput([2, 3], .uniform(-1...1))]) { b in
          let a = Tensor([4, 1, 1, 3], shape: [2, 2], dtype: b[0].dtype).to(b[0].device)
          let (ld, pivots) = a.ldlFactor()
          return [ld.ldlSolve(pivots, b[0])]
        } reference: {
          [product(PlainArray([2, 2], [4, 1, 1, 3]).inverted, $0[0])]
        }
      ]
    ).with { $0.tolerance = 20 },
  ]

  private static let solvers: [OpRecord] = [
    matrices("inv", { [regular($0[0]).inv()] }, { [regular($0[0]).inverted] }).with {
      $0.failures = [Failure("[inv] expected square matrices") { [Tensor.ones([2, 3]).inv()] }]
    },
    matrices(
      "solve", rightHandSide: true, { [regular($0[0]).solve($0[1])] },
      { [product(regular($0[0]).inverted, $0[1])] }),
    matrices(
      "solveTriangular", rightHandSide: true,
      { x in
        let a = regular(x[0])
        return [a.tril().solveTriangular(x[1], upper: false), a.triu().solveTriangular(x[1], upper: true)]
      },
      { x in
        let n = x[0].shape[x[0].rank - 1]
        func triangle(_ keeps: @escaping (Int, Int) -> Bool) -> PlainArray {
          PlainArray.broadcast([regular(x[0]), PlainArray([n, n]) { keeps($0[0], $0[1]) ? 1 : 0 }]) { $0[0] * $0[1] }
        }
        return [product(triangle(>=).inverted, x[1]), product(triangle(<=).inverted, x[1])]
      }),
    matrices(
      "choleskySolve", shapes: [[1, 1], [3, 3], [2, 3, 3]], rightHandSide: true,
      { [$0[1].choleskySolve(regular($0[0]).tril())] },
      { x in
        let n = x[0].shape[x[0].rank - 1]
        let l = PlainArray.broadcast([regular(x[0]), PlainArray([n, n]) { $0[0] >= $0[1] ? 1 : 0 }]) { $0[0] * $0[1] }
        return [product(product(l, l.transposed).inverted, x[1])]
      }),
    OpRecord(
      "lstsq", lapack,
      samples: [[4, 2], [3, 3], [2, 4, 2]].map { shape in
        OpSample([SampleInput(shape, .uniform(-1...1)), SampleInput(Array(shape.dropLast()) + [2])]) {
          [$0[0].lstsq($0[1]).solution]
        } reference: { x in
          let (a, b) = (x[0], x[1])
          return [product(product(a.transposed, a).inverted, product(a.transposed, b))]
        }
      }
    ).with {
      $0.tolerance = 500
      $0.canRepeat = false
    },
  ]

  private static let spectra: [OpRecord] = [
    // Functions of the whole decomposition: the phases of the vectors are open.
    matrices(
      "eigh", shapes: [[1, 1], [3, 3], [2, 3, 3]],
      { inputs in
        let (w, v) = spread(inputs[0] + inputs[0].mH).eigh()
        return [(v * w.unsqueeze(-2)).matmul(v.mH), w.sum(dim: -1), (v * (w * 0.3).exp().unsqueeze(-2)).matmul(v.mH)]
      },
      { x in
        let a = spread(x[0].plus(1, x[0].transposed))
        return [a, PlainArray(Array(a.shape.dropLast(2))) { batch in trace(a, batch) }]
      }
    ).with { $0.canRepeat = false },
    matrices(
      "eig", shapes: [[1, 1], [3, 3], [2, 3, 3]],
      { inputs in
        let (w, v) = spread(inputs[0]).eig()
        let whole = (v * w.unsqueeze(-2)).matmul(v.inv())
        return [inputs[0].dtype.isComplex ? whole : whole.real, w.square().sum(dim: -1).real]
      },
      { x in
        let a = spread(x[0])
        let square = product(a, a)
        return [a, PlainArray(Array(a.shape.dropLast(2))) { batch in trace(square, batch) }]
      }
    ).with { $0.canRepeat = false },
    matrices(
      "svd", shapes: [[1, 1], [3, 3], [3, 2], [2, 3], [2, 3, 3]],
      { inputs in
        let (u, s, vh) = spread(inputs[0]).svd(fullMatrices: false)
        return [(u * s.unsqueeze(-2)).matmul(vh), s.square().sum(dim: -1), (u * s.log().unsqueeze(-2)).matmul(vh)]
      },
      { x in
        let a = spread(x[0])
        let squares = product(a.transposed, a)
        return [a, PlainArray(Array(a.shape.dropLast(2))) { batch in trace(squares, batch) }]
      }
    ).with { $0.canRepeat = false },
    matrices(
      "matrixExp", { [$0[0].matrixExp()] },
      { x in
        [
          x[0].eachMatrix { a in
            var term = PlainArray.identity(a.shape[0])
            var sum = term
            for k in 1..<40 {
              term = product(term, a).map { $0 / Double(k) }
              sum = sum.plus(1, term)
            }
            return sum
          }
        ]
      }),
  ]

  private static func trace(_ a: PlainArray, _ batch: [Int]) -> Double {
    (0..<a.shape[a.rank - 1]).reduce(0) { $0 + a[batch + [$1, $1]] }
  }

  /// Plus 1, 3, 5 … on the diagonal: eigenvalues and singular values keep apart.
  private static func spread(_ x: Tensor) -> Tensor {
    let (rows, columns) = (x.shape[x.rank - 2], x.shape[x.rank - 1])
    let steps = Tensor.arange(columns, dtype: .float64) * 2 + 1
    return x * 0.3 + (Tensor.eye(rows, columns, dtype: .float64) * steps).to(x.dtype).to(x.device)
  }
  private static func spread(_ x: PlainArray) -> PlainArray {
    let diagonal = PlainArray(Array(x.shape.suffix(2))) { $0[0] == $0[1] ? Double(2 * $0[0] + 1) : 0 }
    return x.map { $0 * 0.3 }.plus(1, diagonal)
  }
}
