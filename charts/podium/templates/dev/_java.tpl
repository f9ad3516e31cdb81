{{- /* A container of a Java program; the caller adds its arguments: (list $ .Values.dev.kafka "-Xmx512m"). */}}
{{- define "podium.devJava" -}}
{{- $root := index . 0 }}
{{- $of := index . 1 -}}
image: {{ $of.image }}
imagePullPolicy: {{ $root.Values.images.pullPolicy }}
resources: {{ toJson $of.resources }}
securityContext:
  {{- include "podium.containerSecurity" $root | nindent 2 }}
command:
  - java
  - {{ index . 2 }}
  - -XX:+UseSerialGC
  - -XX:TieredStopAtLevel=1
{{- end }}
