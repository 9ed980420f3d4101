"""`tgvig benchmark`: the experiments of TGVIG (Lee and Choi, CVPR 2024, section 5) on any data set in MVTec AD's layout."""
