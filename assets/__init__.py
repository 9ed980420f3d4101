"""What ships with the project: weights, sample parts, encoded class names. A wheel holds it as the package tgvig_assets."""
