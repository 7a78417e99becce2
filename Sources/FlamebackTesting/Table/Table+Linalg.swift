import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let linalg: [String: Entry] = [:]
}
