// Package geo is places on the globe: geometries and how they relate, distances,
// and an index of points.
//
// Coordinates are degrees of longitude and latitude on WGS 84, longitudes within
// -180 and 180. Geometries relate on the plane of these two, as OGC 06-103r4 and
// PostGIS's type geometry have it; distances are along the sphere.
//
// It knows numbers alone, neither records nor filters.
package geo
